// Text that people read: numbers with units, lines that fit a width, tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tern::cli {

std::string duration_text(double seconds);
std::string bytes_text(std::uint64_t bytes);
std::string percent_text(double share);

/// Columns that UTF-8 text takes, one a code point.
std::size_t text_width(const std::string& text);
/// `text` if it fits into `columns`, else its beginning and "..".
std::string cut(const std::string& text, std::size_t columns);
/// Words of `text` in lines of at most `columns`; a longer word has a line of its own. Lines but the first begin with
/// `indent` spaces, which count.
std::string wrap(const std::string& text, std::size_t columns, std::size_t indent = 0);
/// `left` and, from column `at` on, `right` in lines of at most `columns`, ending in a new line.
std::string hanging(const std::string& left, std::size_t at, const std::string& right, std::size_t columns);

/// Columns aligned by their widest cell, numbers to the right. A table that is wider than output_columns() has its
/// widest texts wrapped.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

}  // namespace tern::cli

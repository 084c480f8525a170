// Lists of class names as text files.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "files/bytes.hpp"

namespace tern::data {

/// The lines that are not empty, without white space around them. A byte order mark and any kind of line end are
/// understood. Errors: FormatError if it is no text of bytes (UTF-16).
std::vector<std::string> text_lines(ByteView text, const std::string& path);

/// Folder and name of each class in a classes.txt: "<folder> <name>" a line, white space between them, or the folder
/// alone, which then is the name. Where a folder's name has white space itself, the longest beginning of the line that
/// is one of `folders` is it.
std::vector<std::pair<std::string, std::string>> class_lines(ByteView text, const std::set<std::string>& folders,
                                                             const std::string& path);

}  // namespace tern::data

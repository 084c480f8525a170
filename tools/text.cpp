#include "text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <sstream>

#include "console.hpp"

namespace tern::cli {

std::string duration_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::max(0.0, seconds) + 0.5);
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

std::string bytes_text(std::uint64_t bytes) {
  const auto b = static_cast<double>(bytes);
  if (bytes < 10 * 1024) return fmt::format("{} B", bytes);
  if (bytes < 10 * 1024 * 1024) return fmt::format("{:.1f} KiB", b / 1024);
  return fmt::format("{:.1f} MiB", b / (1024 * 1024));
}

std::string percent_text(double share) { return fmt::format("{:.2f} %", 100 * share); }

namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

bool is_number(const std::string& text) { return text.find_first_of("0123456789") == (text[0] == '-' ? 1u : 0u); }

// The lines of `text`, which keep the breaks that it has.
std::vector<std::string> wrapped_lines(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines;
  std::istringstream paragraphs(text);
  for (std::string paragraph; std::getline(paragraphs, paragraph);) {
    std::istringstream words(paragraph);
    std::string line;
    for (std::string word; words >> word;) {
      if (!line.empty() && text_width(line) + 1 + text_width(word) > columns) {
        lines.push_back(std::move(line));
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
    }
    lines.push_back(std::move(line));
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

}  // namespace

std::size_t text_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string cut(const std::string& text, std::size_t columns) {
  if (text_width(text) <= columns) return text;
  const std::size_t keep = columns > 2 ? columns - 2 : columns;
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    if (begins_character(text[at]) && seen++ == keep) break;
  }
  return text.substr(0, at) + (columns > 2 ? ".." : "");
}

std::string wrap(const std::string& text, std::size_t columns, std::size_t indent) {
  std::string out;
  for (const std::string& line : wrapped_lines(text, columns > indent ? columns - indent : 1)) {
    out += (out.empty() ? "" : "\n" + std::string(indent, ' ')) + line;
  }
  return out;
}

std::string hanging(const std::string& left, std::size_t at, const std::string& right, std::size_t columns) {
  const std::size_t width = text_width(left);
  const std::string gap = width + 1 < at ? std::string(at - width, ' ') : "\n" + std::string(at, ' ');
  return left + (right.empty() ? "" : gap + wrap(right, std::max(columns, at + 20), at)) + "\n";
}

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width(head.size());
  for (std::size_t c = 0; c < head.size(); ++c) {
    width[c] = text_width(head[c]);
    for (const auto& row : rows) width[c] = std::max(width[c], text_width(row.at(c)));
  }
  const auto total = [&] { return std::accumulate(width.begin(), width.end(), 2 * (width.size() - 1)); };
  constexpr std::size_t kNarrowest = 16;
  while (total() > output_columns()) {
    std::size_t& widest = *std::max_element(width.begin(), width.end());
    if (widest <= kNarrowest) break;
    const std::size_t over = total() - output_columns();
    widest = std::max(kNarrowest, widest > over ? widest - over : 0);
  }
  std::vector<bool> number(head.size());
  for (std::size_t c = 1; c < head.size(); ++c) {
    number[c] =
        std::all_of(rows.begin(), rows.end(), [c](const auto& row) { return row[c].empty() || is_number(row[c]); });
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::vector<std::vector<std::string>> parts;
    std::size_t height = 1;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      parts.push_back(text_width(cells[c]) > width[c] ? wrapped_lines(cells[c], width[c])
                                                      : std::vector<std::string>{cells[c]});
      height = std::max(height, parts.back().size());
    }
    std::string out;
    for (std::size_t i = 0; i < height; ++i) {
      std::string row;
      for (std::size_t c = 0; c < cells.size(); ++c) {
        const std::string cell = i < parts[c].size() ? parts[c][i] : "";
        const std::string space(width[c] - std::min(width[c], text_width(cell)), ' ');
        row += (c == 0 ? "" : "  ") + (number[c] ? space + cell : cell + space);
      }
      row.erase(row.find_last_not_of(' ') + 1);
      out += row + "\n";
    }
    return out;
  };
  std::string out = line(head) + std::string(total(), '-') + "\n";
  for (const auto& row : rows) out += line(row);
  return out;
}

}  // namespace tern::cli

#include "data/class_list.hpp"

#include <string_view>

namespace tern::data {
namespace {

constexpr std::string_view kSpace = " \t\v\f";

std::string_view trimmed(std::string_view s) {
  const std::size_t first = s.find_first_not_of(kSpace);
  return first == s.npos ? std::string_view() : s.substr(first, s.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

std::vector<std::string> text_lines(ByteView text, const std::string& path) {
  std::string_view rest(reinterpret_cast<const char*>(text.data()), text.size());
  if (rest.starts_with("\xff\xfe") || rest.starts_with("\xfe\xff")) {
    bad_format("read_text", path, 0, "text", "expected UTF-8; got UTF-16");
  }
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  std::vector<std::string> lines;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    if (!line.empty()) lines.emplace_back(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

std::vector<std::pair<std::string, std::string>> class_lines(ByteView text, const std::set<std::string>& folders,
                                                             const std::string& path) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& line : text_lines(text, path)) {
    std::size_t at = line.size();
    while (at != line.npos && !folders.contains(std::string(trimmed(line.substr(0, at))))) {
      at = at == 0 ? line.npos : line.find_last_of(kSpace, at - 1);
    }
    if (at == line.npos) at = std::min(line.find_first_of(kSpace), line.size());
    std::string folder(trimmed(std::string_view(line).substr(0, at)));
    const std::string_view name = trimmed(std::string_view(line).substr(at));
    out.emplace_back(folder, name.empty() ? folder : std::string(name));
  }
  return out;
}

}  // namespace tern::data

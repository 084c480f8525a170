// What an import says of itself.
#include <algorithm>
#include <array>

#include "core/printable.hpp"
#include "tern/convert.hpp"

namespace tern {

std::string ImportReport::summary() const {
  return std::to_string(used) + " tensors used, " + std::to_string(missing) + " missing, " +
         (anew > 0 ? std::to_string(anew) + " anew, " : "") + std::to_string(unused) + " unused";
}

std::string ImportReport::table() const {
  std::vector<std::array<std::string, 4>> lines{{"source", "shape", "target", ""}};
  for (const Row& r : rows) lines.push_back({printable(r.source), r.shape, r.target, r.note});
  std::array<std::size_t, 4> width{};
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c) width[c] = std::max(width[c], line[c].size());
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t c = 0; c < line.size(); ++c) text += line[c] + std::string(width[c] - line[c].size() + 2, ' ');
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace tern

#include "core/names.hpp"

#include <algorithm>

#include "core/printable.hpp"

namespace tern {
namespace {

// Letters inserted, left out, changed or swapped with their neighbour between `a` and `b`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::string_view undashed(std::string_view name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kLongest = 100;  // of a name that somebody typed
  const std::string_view w = undashed(word);
  if (w.empty() || w.size() > kLongest) return "";
  const std::string* best = nullptr;
  std::size_t least = 0;
  for (const std::string& name : known) {
    const std::string_view k = undashed(name);
    const std::size_t d = distance(w, k);
    const bool alike =
        d <= std::max<std::size_t>(1, (w.size() + 1) / 3) || (w.size() > 2 && (k.starts_with(w) || w.starts_with(k)));
    if (alike && (!best || d < least)) best = &name, least = d;
  }
  return best ? *best : "";
}

std::string unknown_name(std::string_view what, std::string_view word, const std::vector<std::string>& known) {
  const std::string meant = nearest_name(word, known);
  return "unknown " + std::string(what) + " \"" + printable(word) + "\"; " +
         (meant.empty() ? "" : "did you mean \"" + meant + "\"? ") + "known: " + (known.empty() ? "none" : join(known));
}

}  // namespace tern

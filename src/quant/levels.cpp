#include "tern/levels.hpp"

#include <algorithm>

#include "core/names.hpp"
#include "tern/error.hpp"

namespace tern {

const std::vector<std::string>& LevelSet::names() {
  static const std::vector<std::string> all{"ternary", "binary", "five", "pow2"};
  return all;
}

LevelSet LevelSet::named(std::string_view name, int count) {
  LevelSet l;
  l.name_ = name;
  l.has_zero_ = name != "binary";
  if (name == "binary" || name == "ternary") {
    l.magnitudes_ = {1};
  } else if (name == "five") {
    l.magnitudes_ = {1, 2};
  } else if (name == "pow2") {
    if (count < 1 || count > 7) throw ValueError("[levels] expected count within 1 .. 7; got " + std::to_string(count));
    for (int k = 0; k < count; ++k) l.magnitudes_.push_back(1 << k);
  } else {
    throw ValueError("[levels] " + unknown_name("level set", name, names()));
  }
  int below = l.base();
  for (const int m : l.magnitudes_) {
    if (m == below) continue;
    l.thresholds_.push_back(0.5 * (below + m));
    l.jumps_.push_back(m - below);
    below = m;
  }
  return l;
}

bool LevelSet::contains(int level) const {
  if (level == 0) return has_zero_;
  return std::find(magnitudes_.begin(), magnitudes_.end(), std::abs(level)) != magnitudes_.end();
}

}  // namespace tern

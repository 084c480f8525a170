// Initialisers by name. fan_in = K, the length of one inner product; fan_out = O * R * S.
#include <cmath>
#include <iterator>

#include "core/names.hpp"
#include "tern/error.hpp"
#include "tern/nn.hpp"

namespace tern {
namespace {

struct Fans {
  double in, out;
};

// A rule returns the standard deviation of a normal (positive) or the half-width of a uniform distribution (negative).
struct Initializer {
  const char* name;
  double (*spread)(const Fans&);
};

constexpr Initializer kInitializers[] = {
    {"he_fan_in", [](const Fans& f) { return std::sqrt(2 / f.in); }},
    {"he_fan_out", [](const Fans& f) { return std::sqrt(2 / f.out); }},
    {"he_uniform", [](const Fans& f) { return -std::sqrt(6 / f.in); }},
    {"xavier_normal", [](const Fans& f) { return std::sqrt(2 / (f.in + f.out)); }},
    {"xavier_uniform", [](const Fans& f) { return -std::sqrt(6 / (f.in + f.out)); }},
    {"lecun_normal", [](const Fans& f) { return std::sqrt(1 / f.in); }},
    {"default_uniform", [](const Fans& f) { return -std::sqrt(1 / f.in); }},
    {"zeros", nullptr},
    {"ones", nullptr},
};

}  // namespace

std::vector<std::string> initializers() {
  std::vector<std::string> names;
  for (const Initializer& i : kInitializers) names.emplace_back(i.name);
  return names;
}

void initialize(const Tensor& w, std::string_view initializer, Rng& rng) {
  for (const Initializer& i : kInitializers) {
    if (initializer != i.name) continue;
    if (!i.spread) {
      w.fill(initializer == "ones" ? 1.0 : 0.0);
      return;
    }
    const double window = w.shape().rank() == 4 ? static_cast<double>(w.size(2) * w.size(3)) : 1.0;
    const double spread = i.spread({static_cast<double>(w.size(1)) * window, static_cast<double>(w.size(0)) * window});
    for (float& x : w.span<float>()) {
      x = static_cast<float>(spread > 0 ? spread * static_cast<double>(rng.normal())
                                        : spread * (1.0 - 2.0 * static_cast<double>(rng.uniform())));
    }
    return;
  }
  throw ValueError("[initialize] " + unknown_name("initializer", initializer, initializers()));
}

}  // namespace tern

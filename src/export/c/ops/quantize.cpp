// Real numbers to codes: code = lo + #{j : v >= thresholds[j]}. Tables hold no infinity: what minus infinity asks is
// whether v is a number, and what plus infinity asks is whether v is beyond all finite ones.
#include <algorithm>
#include <cmath>
#include <limits>

#include "export/c/body.hpp"

namespace tern::c99 {
namespace {

void quantize(const Body& b) {
  constexpr std::size_t kUnrolled = 4;
  const infer::Thresholds& at = *b.node.operation->thresholds();
  const auto is = [](float sign) { return [sign](float t) { return std::isinf(t) && t * sign > 0; }; };
  const auto below = std::count_if(at.values.begin(), at.values.end(), is(-1)),
             above = std::count_if(at.values.begin(), at.values.end(), is(1));
  const auto finite =
      at.values.subspan(static_cast<std::size_t>(below), at.values.size() - static_cast<std::size_t>(below + above));
  const bool unroll = finite.size() <= kUnrolled;
  std::string sum = std::to_string(at.lo);
  if (below > 0) sum += fmt::format(" + ((v == v) ? {} : 0)", below);
  for (const float t : unroll ? finite : std::span<const float>())
    sum += fmt::format(" + ((v >= {}) ? 1 : 0)", literal(t));
  if (above > 0) sum += fmt::format(" + ((v > {}) ? {} : 0)", literal(std::numeric_limits<float>::max()), above);
  b.code().line("code = {};", sum);
  b.out.operations += static_cast<double>(at.values.size()) * static_cast<double>(b.node.type.numel());
  if (unroll) return;
  const Table table = floats(b.name + "_thresholds", b.node.graph->name + ": codes begin at these", finite);
  const Loop j(b.code(), "j", table.count);
  b.code().line("code += (v >= {}) ? 1 : 0;", b.element(table, j.at));
}

}  // namespace

const Emitter quantize_c{quantize, Walk::kNumber};

}  // namespace tern::c99

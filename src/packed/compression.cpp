// The ratios of the literature, from a model's weight blobs.
#include <algorithm>
#include <bit>

#include "core/tensor_names.hpp"
#include "tern/packed.hpp"

namespace tern::packed {
namespace {

constexpr double kResNet18Bits = 32.0 * 11'164'352;

// Levels of the codes, evenly spaced: {-1, 1} has two.
int levels(const std::vector<std::int8_t>& codes) {
  if (codes.empty()) return 1;
  const auto [lo, hi] = std::minmax_element(codes.begin(), codes.end());
  const int low = *lo, span = *hi - low;
  const bool even = std::all_of(codes.begin(), codes.end(), [low](std::int8_t c) { return (c - low) % 2 == 0; });
  return (even ? span / 2 : span) + 1;
}

}  // namespace

Compression compression(const Model& model, std::uint64_t file_bytes) {
  Compression c;
  int widest = 0;
  double strict = 0, packed5 = 0;
  for (const auto& [name, blob] : model.blobs) {
    if (tensor_names::is_a(name, "scale_pos") || tensor_names::is_a(name, "scale_neg")) {
      strict += 32.0 * static_cast<double>(blob.f32.size());
      packed5 += 32.0 * static_cast<double>(blob.f32.size());
    }
    if (!tensor_names::is_a(name, tensor_names::kWeight)) continue;
    const auto n = static_cast<double>(blob.shape.numel());
    c.weights += blob.shape.numel();
    int bits = 32;
    bool ternary = false;
    if (blob.kind == Blob::Kind::kCodes) {
      const int count = levels(blob.codes);
      ternary = count == 3;
      bits = std::max(1, static_cast<int>(std::bit_width(static_cast<unsigned>(count - 1))));
      widest = std::max(widest, bits);
    }
    strict += bits * n;
    packed5 += (ternary ? 1.6 : bits) * n;
  }
  if (c.weights == 0) return c;
  if (widest > 0) c.bits = widest;
  const auto all = static_cast<double>(c.weights), file = 8.0 * static_cast<double>(file_bytes);
  c.paper = kResNet18Bits / (c.bits * all);
  c.strict = kResNet18Bits / strict;
  c.packed5 = kResNet18Bits / packed5;
  if (file_bytes > 0) {
    c.file = kResNet18Bits / file;
    c.own = 32 * all / file;
  }
  return c;
}

}  // namespace tern::packed

#include "kernels/bitsliced/bundles.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace tern::kernels::bitsliced {
namespace {

using i64 = std::int64_t;

// A panel that a block may fill: in the first-level cache (32 to 48 KiB), or in the second (1 MiB) beside the lists.
constexpr i64 kBlockBytes[] = {36 << 10, 640 << 10};
// Time of a plane in such a panel; of a column and block apart from its planes; of resting in memory until the next block;
// of an adder when sums are taken apart. The unit is that of a full adder in registers. Fitted to measurements on Zen 5.
constexpr double kPlane[] = {1.15, 1.46}, kColumn = 16, kRest = 12, kSeparation = 2.3;

// Calls visit(first output, outputs) for each bundle.
template <class F>
void each_bundle(const ConvShape& d, i64 bundle, F visit) {
  const i64 group = d.outputs / d.groups;
  for (i64 first = 0; first < d.outputs; first += group) {
    for (i64 o = 0; o < group; o += bundle) visit(first + o, std::min(bundle, group - o));
  }
}

// The signs that input i meets under the outputs of a bundle.
Pattern pattern_at(const std::int8_t* weights, i64 k, i64 i, i64 outputs) {
  std::int8_t signs[kMaxBundle] = {};
  for (i64 g = 0; g < outputs; ++g) signs[g] = weights[g * k + i];
  return pattern_of(signs, static_cast<int>(outputs));
}

}  // namespace

Pattern pattern_of(const std::int8_t* signs, int outputs) {
  if (outputs == 0) return {};
  const int last = signs[outputs - 1];
  const Pattern front = pattern_of(signs, outputs - 1);
  if (front.sign == 0) return last == 0 ? Pattern{} : Pattern{3 * patterns(outputs - 1), last};
  return {3 * front.index + 1 - front.sign * last, front.sign};
}

Columns make_columns(const ConvShape& d, const std::vector<std::int8_t>& weights, i64 bundle) {
  const i64 k = d.k();
  Columns out;
  out.bundle = bundle;
  each_bundle(d, bundle, [&](i64 first, i64 outputs) {
    const std::int8_t* w = weights.data() + first * k;
    const i64 begin = out.count(), columns = patterns(static_cast<int>(outputs));
    out.closes.resize(static_cast<std::size_t>(begin + columns), 0);
    out.closes.back() = static_cast<std::uint8_t>(outputs);
    out.bundle_size.resize(out.closes.size(), static_cast<std::uint8_t>(outputs));
    out.first_output.resize(out.closes.size(), first);
    out.entries.resize(out.closes.size());
    for (i64 i = 0; i < k; ++i) {
      const auto input = static_cast<std::int32_t>(i);
      if (outputs == 1) {
        if (w[i] != 0) out.entries.back().push_back({input, w[i]});
        continue;
      }
      const Pattern p = pattern_at(w, k, i, outputs);
      if (p.sign != 0) out.entries[static_cast<std::size_t>(begin + p.index)].push_back({input, static_cast<std::int8_t>(p.sign)});
    }
  });
  out.per_group = out.count() / d.groups;
  return out;
}

Plan best_plan(const ConvShape& d, std::span<const std::int8_t> weights, int planes, int vector_bytes, int bits, int levels) {
  const bool ternary = std::none_of(weights.begin(), weights.end(), [](int w) { return std::abs(w) > 1; });
  const i64 k = d.k(), entries = k * d.groups;
  Plan best;
  std::vector<std::uint8_t> met(static_cast<std::size_t>(k));  // digits of an input's weights that are added
  for (i64 bundle = 1; bundle <= (ternary ? kMaxBundle : 1); ++bundle) {
    i64 added = 0, columns = 0, separation = 0;
    each_bundle(d, bundle, [&](i64 first, i64 outputs) {
      std::fill(met.begin(), met.end(), std::uint8_t{0});
      for (i64 o = first; o < first + outputs; ++o) {
        const std::int8_t* w = weights.data() + o * k;
        for (std::size_t i = 0; i < met.size(); ++i) met[i] |= static_cast<std::uint8_t>(std::abs(w[i]));
      }
      i64 digits = 0;
      for (const std::uint8_t m : met) digits += std::popcount(m);
      added += digits * planes;
      columns += patterns(static_cast<int>(outputs));
      separation += separation_adders(static_cast<int>(outputs), bits);
    });
    for (int level = 0; level < 2; ++level) {
      const i64 most = std::max<i64>(1, kBlockBytes[level] / (planes * vector_bytes)), blocks = (entries + most - 1) / most;
      const i64 block = (entries + blocks - 1) / blocks, visits = ((k + block - 1) / block) * levels;
      const double work = static_cast<double>(added) * kPlane[level] + static_cast<double>(separation) * kSeparation +
                          static_cast<double>(columns * visits) * (kColumn + (visits > 1 ? kRest : 0));
      if (best.adders == 0 || work < best.adders) best = {bundle, block, work};
    }
  }
  return best;
}

}  // namespace tern::kernels::bitsliced

#include "kernels/packed/bitsliced/bundles.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace tern::kernels::bitsliced {

using i64 = std::int64_t;

namespace {

// A way to keep the panel: the bytes that a block may fill; the time of a plane in it, of a column apart from its
// planes, and of an adder when sums are taken apart. The unit is that of a full adder in registers. Fitted to
// measurements on Zen 5.
struct Way {
  bool complements;
  i64 bytes;
  double plane, column, separation;
};
// In the first-level cache (32 to 48 KiB); in the second (1 MiB) beside the lists. There a load of a whole line is what
// an adder waits for: two lines for a pair of vectors of 64 bytes, and then complements gain nothing.
constexpr Way kNear = {true, 36 << 10, 1.0, 12, 0.2}, kNearSigns = {false, 36 << 10, 1.0, 30, 1.0};
constexpr Way kFarLines = {false, 640 << 10, 1.45, 30, 1.0}, kFarHalves = {true, 640 << 10, 1.16, 14, 0.5};
// Time of a sum's resting in memory until the next block.
constexpr double kRest = 16;

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
  const int turned = front.sign * last;
  return {3 * front.index + (turned == 0 ? 2 : turned < 0 ? 1 : 0), front.sign};
}

std::vector<i64> take_apart(std::vector<i64> sums, int outputs, bool chained) {
  if (outputs == 1) return sums;
  const auto front = static_cast<std::size_t>(patterns(outputs - 1));
  std::vector<i64> totals(front);
  i64 last = sums[3 * front];
  for (std::size_t i = 0; i < front; ++i) {
    const i64 first = sums[3 * i], second = sums[3 * i + 1], third = sums[3 * i + 2];
    totals[i] = chained ? third : first + second + third;
    last += chained ? 2 * first - second : first - second;
  }
  std::vector<i64> counts = take_apart(std::move(totals), outputs - 1, false);
  counts.push_back(last);
  return counts;
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
      if (p.sign != 0)
        out.entries[static_cast<std::size_t>(begin + p.index)].push_back({input, static_cast<std::int8_t>(p.sign)});
    }
  });
  out.per_group = out.count() / d.groups;
  return out;
}

Plan best_plan(const ConvShape& d, std::span<const std::int8_t> weights, int planes, int vector_bytes, int bits,
               int levels) {
  const bool ternary = std::none_of(weights.begin(), weights.end(), [](int w) { return std::abs(w) > 1; });
  const i64 k = d.k(), entries = k * d.groups;
  Plan best;
  std::vector<std::uint8_t> met(static_cast<std::size_t>(k));  // digits of an input's weights that are added
  for (i64 bundle = 1; bundle <= (ternary ? kMaxBundle : 1); ++bundle) {
    i64 added = 0, columns = 0, separation[2] = {};
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
      separation[0] += separation_adders(static_cast<int>(outputs), bits, false);
      separation[1] += separation_adders(static_cast<int>(outputs), bits, true);
    });
    for (const Way& way : {kNear, kNearSigns, vector_bytes < 64 ? kFarHalves : kFarLines}) {
      const i64 most = std::max<i64>(1, way.bytes / ((way.complements ? 2 : 1) * planes * vector_bytes));
      const i64 blocks = (entries + most - 1) / most, block = whole_groups((entries + blocks - 1) / blocks, k);
      const i64 visits = ((k + block - 1) / block) * levels;
      const double work = static_cast<double>(added) * way.plane +
                          static_cast<double>(separation[visits == 1]) * way.separation +
                          static_cast<double>(columns * visits) * (way.column + (visits > 1 ? kRest : 0));
      if (best.adders == 0 || work < best.adders) best = {bundle, block, way.complements, work};
    }
  }
  return best;
}

}  // namespace tern::kernels::bitsliced

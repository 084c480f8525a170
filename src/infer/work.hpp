// Predicting time: a step says what work it has, rates say how long a unit of each kind takes. The planner compares
// kernels and conversions by it, `tern plan` prints it next to what it measures. No result depends on it.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "infer/node.hpp"
#include "kernels/bitsliced/layout.hpp"
#include "kernels/kpacked/layout.hpp"
#include "tern/cpu.hpp"

namespace tern::infer {

enum class WorkKind {
#define TERN_WORK(kind, unit, ...) kind,
#include "infer/work.def"
#undef TERN_WORK
  kCount
};
inline constexpr std::size_t kWorkKinds = static_cast<std::size_t>(WorkKind::kCount);

struct Work {
  WorkKind kind;
  double amount;
};
using WorkList = std::vector<Work>;

struct Rates {
  std::array<double, kWorkKinds> ns{};
  double& operator[](WorkKind k) { return ns[static_cast<std::size_t>(k)]; }
  double operator[](WorkKind k) const { return ns[static_cast<std::size_t>(k)]; }
  double seconds(const WorkList& work) const;
};
/// "kKpackedWord" and what one unit is.
std::pair<const char*, const char*> describe(WorkKind kind);

/// The table of work.def. kReference has the portable column.
Rates built_in_rates(Isa isa);
/// The same measured here and now: about a tenth of a second, once a process and instruction set.
/// Thread safety: any.
const Rates& measure_rates(Isa isa);

// Work of the kernels, from what the planner knows before it makes a step.

WorkList kpacked_conv_work(const kernels::ConvShape& shape, std::span<const std::int8_t> weights,
                           const kernels::kpacked::PlaneCode& in);
/// `out`: layout of the output, whose images share the work; `moved`: the input is rearranged first.
WorkList sliced_conv_work(const kernels::ConvShape& shape, std::span<const std::int8_t> weights,
                          const kernels::kpacked::PlaneCode& in, const kernels::bitsliced::SlicedLayout& out,
                          bool moved, Isa isa);
WorkList kpacked_pool_work(const ValueType& in, const ValueType& out, const kernels::PoolShape& shape);
WorkList sliced_pool_work(const ValueType& out, const kernels::PoolShape& shape);
WorkList kpacked_gate_work(const ValueType& image);
WorkList sliced_gate_work(const ValueType& image);
/// Channels in a new order; `pieces` of kernels/planes/channels.hpp.
WorkList kpacked_channel_work(const ValueType& image, i64 pieces);
WorkList sliced_channel_work(const ValueType& image);
WorkList turn_work(const ValueType& type);
/// Each of a value's floats made, changed and stored, `times` in all, in rows or in tiles.
Work floats_work(const ValueType& value, std::size_t times, bool by_rows);
/// Rows of floats compared with thresholds and put into bit-sliced planes.
WorkList row_pack_work(const ValueType& codes);
/// Bit-sliced integer sums to numbers.
WorkList sums_work(const ValueType& sums);

}  // namespace tern::infer

// What a step has to do, in units whose time the planner knows (plan/rates.hpp). No result depends on it.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "infer/ops/value.hpp"
#include "kernels/conv_shape.hpp"
#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"
#include "tern/cpu.hpp"

namespace tern::infer {

enum class WorkKind {
#define TERN_WORK(kind, unit, ...) kind,
#include "infer/steps/work.def"
#undef TERN_WORK
  kCount
};
inline constexpr std::size_t kWorkKinds = static_cast<std::size_t>(WorkKind::kCount);

struct Work {
  WorkKind kind;
  double amount;
};
using WorkList = std::vector<Work>;

/// "kKpackedWord" and what one unit is.
std::pair<const char*, const char*> describe(WorkKind kind);

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
/// Channels in a new order; `pieces` of kernels/packed/planes/channels.hpp.
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

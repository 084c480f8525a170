#include "infer/taps.hpp"

#include <algorithm>
#include <utility>

#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::infer {

void Taps::set(Tap tap) {
  tap_ = std::move(tap);
  floats_.clear();
  codes_.clear();
}

void Taps::prepare(i64 n) {
  for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
    if (model_.plan.visible[i] < 0) continue;
    const auto size = static_cast<std::size_t>(n * model_.nodes[i].type.numel());
    if (model_.nodes[i].type.is_codes())
      codes_[i].resize(size);
    else
      floats_[i].resize(size);
  }
}

void Taps::record(const Plan& by, Workspace& w, BufferId id, i64 index) {
  for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
    if (by.visible[i] != static_cast<std::ptrdiff_t>(id) || model_.plan.visible[i] < 0) continue;
    const i64 size = model_.nodes[i].type.numel();
    const Buffer& b = by.buffers[id];
    if (b.layout == Layout::kF32) {
      std::copy_n(w.at<float>(id), size, floats_.at(i).data() + index * size);
    } else if (b.layout == Layout::kI8) {
      std::copy_n(w.at<std::int8_t>(id), size, codes_.at(i).data() + index * size);
    } else if (b.layout == Layout::kKpacked) {
      kernels::kpacked::unpack(b.kpacked, w.at<std::uint8_t>(id), codes_.at(i).data() + index * size);
    } else {
      kernels::bitsliced::unpack(b.sliced.image(w.index), w.at<std::uint8_t>(id), codes_.at(i).data() + index * size);
    }
  }
}

void Taps::report(i64 n) {
  for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
    if (model_.plan.visible[i] < 0) continue;
    const ValueType& t = model_.nodes[i].type;
    std::vector<std::int64_t> extents = {n};
    extents.insert(extents.end(), t.shape.extents().begin(), t.shape.extents().end());
    TapValue value{*model_.nodes[i].graph, Shape(std::span<const std::int64_t>(extents)), {}, {}, t.step, t.lo, t.hi};
    if (t.is_codes())
      value.codes = codes_.at(i);
    else
      value.floats = floats_.at(i);
    tap_(value);
  }
}

}  // namespace tern::infer

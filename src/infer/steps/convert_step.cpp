// The same value in another layout: every pair that the planner may need, in one place.
#include "infer/steps/steps.hpp"
#include "kernels/packed/planes/turn.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
namespace kpacked = kernels::kpacked;
namespace planes = kernels::planes;

class ConvertStep final : public Step {
 public:
  ConvertStep(const ValueType& type, const Buffer& from, BufferId in, const Buffer& to, BufferId out)
      : type_(type), from_(from), to_(to), in_(in) {
    output = out;
    work = convert_work(type, from.layout, to.layout);
    kernel = turns() ? "turn" : is_planes(from.layout) ? "unpack" : is_planes(to.layout) ? "pack" : "dequantize";
  }
  i64 units() const override { return turns() ? (type_.channels() + 7) / 8 : 1; }
  void run(Workspace& w, i64 begin, i64 end) const override {
    const auto* bits = w.at<std::uint8_t>(in_);
    const auto* codes = w.at<std::int8_t>(in_);
    switch (from_.layout) {
      case Layout::kKpacked:
        if (to_.layout == Layout::kSliced)
          planes::turn(from_.kpacked, bits, to_.sliced.image(w.index), w.at<std::uint8_t>(output), begin, end);
        else if (to_.layout == Layout::kI8)
          kpacked::unpack(from_.kpacked, bits, w.at<std::int8_t>(output));
        else
          kpacked::unpack(from_.kpacked, bits, type_.step, w.at<float>(output));
        return;
      case Layout::kSliced:
        if (to_.layout == Layout::kKpacked)
          planes::turn(from_.sliced.image(w.index), bits, to_.kpacked, w.at<std::uint8_t>(output), begin, end);
        else if (to_.layout == Layout::kI8)
          bitsliced::unpack(from_.sliced.image(w.index), bits, w.at<std::int8_t>(output));
        else
          bitsliced::unpack(from_.sliced.image(w.index), bits, type_.step, w.at<float>(output));
        return;
      default:
        if (to_.layout == Layout::kKpacked)
          kpacked::pack(to_.kpacked, codes, w.at<std::uint8_t>(output));
        else if (to_.layout == Layout::kSliced)
          bitsliced::pack(to_.sliced.image(w.index), codes, w.at<std::uint8_t>(output));
        else
          dequantize(codes, type_.numel(), type_.step, w.at<float>(output));
    }
  }

 private:
  bool turns() const { return is_planes(from_.layout) && is_planes(to_.layout); }

  ValueType type_;
  Buffer from_, to_;
  BufferId in_;
};

}  // namespace

WorkList convert_work(const ValueType& type, Layout from, Layout to) {
  if (is_planes(from) && is_planes(to)) return turn_work(type);
  const auto n = static_cast<double>(type.numel());
  if (from == Layout::kKpacked) return {{WorkKind::kKpackedUnpack, n}};
  if (from == Layout::kSliced) return {{WorkKind::kSlicedUnpack, n}};
  if (to == Layout::kKpacked) return {{WorkKind::kKpackedPack, n}};
  if (to == Layout::kSliced) return {{WorkKind::kSlicedPack, n}};
  return {{WorkKind::kElement, n}};
}

std::unique_ptr<Step> make_convert_step(const ValueType& type, const Buffer& from, BufferId in, const Buffer& to,
                                        BufferId out) {
  return std::make_unique<ConvertStep>(type, from, in, to, out);
}

}  // namespace tern::infer

// Bit-sliced convolution: planes to planes, a tile of positions at a time. Where strides want it, a step of its own
// rearranges the input first.
#include <algorithm>

#include "infer/steps/steps.hpp"
#include "kernels/packed/bitsliced/conv.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
using u8 = std::uint8_t;

class SlicedConvStep final : public Step {
 public:
  SlicedConvStep(std::shared_ptr<const bitsliced::Conv> conv, BufferId from, BufferId out)
      : conv_(std::move(conv)), from_(from) {
    output = out;
  }
  // Neighbouring tiles write whole vectors, which no other tile touches.
  i64 units() const override { return conv_->tiles(); }
  bool is_grouped() const override { return true; }
  std::size_t scratch_bytes() const override { return static_cast<std::size_t>(conv_->panel_bytes()); }
  void run(Workspace& w, i64 begin, i64 end) const override {
    u8* panel = reinterpret_cast<u8*>(w.scratch);
    conv_->init_panel(panel);
    for (i64 tile = begin; tile < end; ++tile) conv_->run(w.at<u8>(from_), panel, tile, w.at<u8>(output));
  }

 private:
  std::shared_ptr<const bitsliced::Conv> conv_;
  BufferId from_;
};

class PrepareStep final : public Step {
 public:
  PrepareStep(std::shared_ptr<const bitsliced::Conv> conv, BufferId in, BufferId out)
      : conv_(std::move(conv)), in_(in) {
    output = out;
    kernel = "prepare";
  }
  bool is_grouped() const override { return true; }
  void init(Workspace& w) const override { conv_->init_prepared(w.at<u8>(output)); }
  void run(Workspace& w, i64, i64) const override { conv_->prepare(w.at<u8>(in_), w.at<u8>(output)); }

 private:
  std::shared_ptr<const bitsliced::Conv> conv_;
  BufferId in_;
};

}  // namespace

SlicedConv make_sliced_conv(const PlaneConvSpec& spec, Isa isa, const Buffer& in, const Buffer& out) {
  const Multiply& m = spec.multiply();
  return {std::make_shared<const bitsliced::Conv>(
              bitsliced::Conv::Spec{spec.shape, in.sliced, out.sliced, m.codes.data(), m.thresholds.data(), m.flips()},
              bitsliced::micro_for(isa)),
          std::string("bitsliced/") + bitsliced::micro_for(isa).name};
}

SlicedConv make_sliced_sums(const PlaneConvSpec& spec, std::span<const std::int8_t> part, Isa isa, const Buffer& in,
                            const Buffer& out) {
  const bitsliced::Micro& micro = bitsliced::micro_for(isa);
  return {std::make_shared<const bitsliced::Conv>(
              bitsliced::Conv::Spec{spec.shape, in.sliced, out.sliced, part.data(), nullptr, nullptr}, micro),
          std::string("bitsliced/") + micro.name};
}

i64 SlicedConv::prepared_bytes() const { return conv->prepared_bytes(); }

std::unique_ptr<Step> make_prepare_step(const SlicedConv& conv, const PlaneConvSpec& spec, BufferId out) {
  auto step = std::make_unique<PrepareStep>(conv.conv, spec.in, out);
  step->nodes = spec.node->graph->name;
  return step;
}

std::unique_ptr<Step> make_sliced_conv_step(const SlicedConv& conv, const PlaneConvSpec& spec, BufferId from,
                                            BufferId out) {
  auto step = std::make_unique<SlicedConvStep>(conv.conv, from, out);
  step->nodes = spec.node->graph->name;
  step->macs = spec.node->macs();
  step->layer = layer_of(*spec.node);
  step->kernel = conv.name;
  return step;
}

}  // namespace tern::infer

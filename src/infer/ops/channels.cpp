// Values moved, none computed: flatten, channel_shuffle, pad_channels, zero.
#include <algorithm>

#include "infer/ops/node_reader.hpp"
#include "infer/ops/op.hpp"

namespace tern::infer {
namespace {

class Flatten final : public Operation {
 public:
  Flatten(const NodeReader& node, ValueType& result) { result.shape = {node.in().numel()}; }
  void run(std::span<const Dense>, const Dense&, Scratch&) const override {}  // the same memory
};

// As a matrix of `groups` rows, channels are read by columns: y[c] = x[c % groups * (C / groups) + c / groups].
class ChannelShuffle final : public Operation {
 public:
  ChannelShuffle(const NodeReader& node, ValueType&)
      : groups_(node.integer("groups", 1)), channels_(node.in().shape[0]) {
    node.expect_images();
    node.expect(channels_ % groups_ == 0,
                "groups=" + std::to_string(groups_) + " does not divide " + std::to_string(channels_) + " channels");
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch&) const override {
    const i64 pixels = out.type->pixels();
    for (i64 c = 0; c < channels_; ++c) {
      if (out.type->is_codes())
        std::copy_n(in[0].codes + source(c) * pixels, pixels, out.codes + c * pixels);
      else
        std::copy_n(in[0].floats + source(c) * pixels, pixels, out.floats + c * pixels);
    }
  }
  PlaneForm planes() const override {
    PlaneChannels form;
    for (i64 c = 0; c < channels_; ++c) form.order.push_back({0, source(c)});
    return form;
  }

 private:
  i64 source(i64 c) const { return c % groups_ * (channels_ / groups_) + c / groups_; }

  i64 groups_, channels_;
};

// Extent of every stride-th pixel.
i64 sampled(i64 extent, i64 stride) { return (extent + stride - 1) / stride; }

class PadChannels final : public Operation {
 public:
  PadChannels(const NodeReader& node, ValueType& result) {
    node.expect_images();
    const ValueType& x = node.in();
    front_ = node.integer("front", 0);
    stride_ = node.integer("stride", 1, 1);
    result.shape = {front_ + x.channels() + node.integer("back", 0), sampled(x.height(), stride_),
                    sampled(x.width(), stride_)};
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch& scratch) const override {
    const ValueType& type = *in[0].type;
    const float* x = real(in[0], scratch);
    std::fill_n(out.floats, out.type->numel(), 0.0f);
    float* y = out.floats + front_ * out.type->pixels();
    for (i64 c = 0; c < type.channels(); ++c) {
      for (i64 i = 0; i < type.height(); i += stride_) {
        for (i64 j = 0; j < type.width(); j += stride_) *y++ = x[(c * type.height() + i) * type.width() + j];
      }
    }
  }

 private:
  i64 front_ = 0, stride_ = 1;
};

class Zero final : public Operation {
 public:
  Zero(const NodeReader& node, ValueType& result) {
    node.expect_images();
    const ValueType& x = node.in();
    const i64 stride = node.integer("stride", 1, 1);
    result.shape = {x.channels(), sampled(x.height(), stride), sampled(x.width(), stride)};
  }
  void run(std::span<const Dense>, const Dense& out, Scratch&) const override {
    std::fill_n(out.floats, out.type->numel(), 0.0f);
  }
};

}  // namespace

const Meaning flatten_op{.read = read<Flatten>, .carries_codes = true, .aliases = true};
const Meaning channel_shuffle_op{.read = read<ChannelShuffle>, .carries_codes = true};
const Meaning pad_channels_op{.read = read<PadChannels>}, zero_op{.read = read<Zero>};

}  // namespace tern::infer

// Values moved, none computed: flatten, channel_shuffle, pad_channels, zero.
#include "export/onnx/body.hpp"

namespace tern::onnx {
namespace {

std::string flatten(const Body& b) { return b.add("Flatten", {b.in[0]}); }

std::string channel_shuffle(const Body& b) {
  const i64 groups = b.read.integer("groups", 1), channels = b.node.type.channels();
  std::vector<i64> source;
  for (i64 c = 0; c < channels; ++c) source.push_back(c % groups * (channels / groups) + c / groups);
  return b.add("Gather", {b.in[0], b.constant("channels", {channels}, source)}, {{"axis", i64{1}}});
}

std::string pad_channels(const Body& b) {
  const infer::ValueType& x = b.read.in();
  const i64 front = b.read.integer("front", 0), back = b.read.integer("back", 0),
            stride = b.read.integer("stride", 1, 1);
  std::string y = b.real();
  if (stride > 1) y = b.cut(y, 0, 0, x.height(), x.width(), stride);
  return b.add("Pad", {y, b.constant<i64>("pads", {8}, {0, front, 0, 0, 0, back, 0, 0})});
}

std::string zero(const Body& b) { return b.zeros({b.node.type.channels(), b.node.type.height(), b.node.type.width()}); }

}  // namespace

const Emitter flatten_onnx = flatten, channel_shuffle_onnx = channel_shuffle, pad_channels_onnx = pad_channels,
              zero_onnx = zero;

}  // namespace tern::onnx

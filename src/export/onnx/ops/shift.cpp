// The image moved up and left; outside the image 0, or the code pad_code.
#include "export/onnx/body.hpp"

namespace tern::onnx {
namespace {

std::string shift(const Body& b) {
  const infer::ValueType& x = b.node.type;
  const i64 by = b.read.integer("by", 0);
  const float outside = x.is_codes() ? static_cast<float>(b.read.pad_code()) * b.unit(x) : 0.0f;
  return b.cut(b.padded(b.in[0], 0, 0, by, by, outside), by, by, x.height() + by, x.width() + by, 1);
}

}  // namespace

const Emitter shift_onnx = shift;

}  // namespace tern::onnx

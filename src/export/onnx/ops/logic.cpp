// Logic on codes 0..1: or, mux, tgap.
#include "export/onnx/codes.hpp"

namespace tern::onnx {
namespace {

std::string bit(const Body& b, std::size_t i) { return b.add("Greater", {b.in[i], b.scalar("zero", 0)}); }

std::string gate_or(const Body& b) { return of_bits(b, b.add("Or", {bit(b, 0), bit(b, 1)})); }

std::string gate_mux(const Body& b) {
  return of_bits(b, b.add("Or", {bit(b, 0), b.add("And", {bit(b, 1), b.add("Not", {bit(b, 2)})})}));
}

std::string tgap(const Body& b) {
  const i64 pixels = b.read.in().pixels();
  const std::string ones = b.add("ReduceSum", {b.cast(bit(b, 0), Type::kFloat), b.constant<i64>("axes", {2}, {2, 3})});
  return of_bits(b, b.add("Greater", {ones, b.scalar("half", static_cast<float>(pixels) / 2)}));
}

}  // namespace

const Emitter or_onnx = gate_or, mux_onnx = gate_mux, tgap_onnx = tgap;

}  // namespace tern::onnx

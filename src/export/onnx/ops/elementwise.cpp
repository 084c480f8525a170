// Real numbers, one at a time: affine, relu, hardtanh, prelu.
#include "export/onnx/body.hpp"

namespace tern::onnx {
namespace {

std::string numbers(const Body& b, const char* what, std::span<const float> values) {
  return b.of_channel(what, b.node.type, std::vector<float>(values.begin(), values.end()));
}

std::string affine(const Body& b) {
  const infer::Lane& lane = *b.node.operation->lane();
  return b.add("Add", {b.add("Mul", {b.real(), numbers(b, "k1", lane.a)}), numbers(b, "k0", lane.b)});
}

std::string relu(const Body& b) { return b.add("Relu", {b.real()}); }

std::string hardtanh(const Body& b) {
  return b.add("Clip", {b.real(), b.scalar("lowest", -1), b.scalar("highest", 1)});
}

std::string prelu(const Body& b) {
  return b.add("PRelu", {b.real(), numbers(b, "slope", b.node.operation->lane()->a)});
}

}  // namespace

const Emitter affine_onnx = affine, relu_onnx = relu, hardtanh_onnx = hardtanh, prelu_onnx = prelu;

}  // namespace tern::onnx

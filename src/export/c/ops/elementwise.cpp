// Real numbers, one at a time, in the expressions of src/kernels/exact.hpp.
#include "export/c/body.hpp"

namespace tern::c99 {
namespace {

void affine(const Body& b) {
  const infer::Lane& lane = *b.node.operation->lane();
  b.code().line("v = (float)({} * v) + {};", b.of_channel("k1", lane.a), b.of_channel("k0", lane.b));
}

void relu(const Body& b) { b.code().line("v = (v > 0.0f) ? v : 0.0f;"); }

void hardtanh(const Body& b) { b.code().line("v = (v < -1.0f) ? -1.0f : ((v > 1.0f) ? 1.0f : v);"); }

void prelu(const Body& b) {
  b.code().line("v = (v > 0.0f) ? v : {} * v;", b.of_channel("slope", b.node.operation->lane()->a));
}

}  // namespace

const Emitter affine_c{affine, Walk::kNumber}, relu_c{relu, Walk::kNumber}, hardtanh_c{hardtanh, Walk::kNumber},
    prelu_c{prelu, Walk::kNumber};

}  // namespace tern::c99

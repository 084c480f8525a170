// Real numbers to codes.
#include "export/onnx/codes.hpp"

namespace tern::onnx {
namespace {

std::string quantize(const Body& b) {
  const infer::Thresholds& at = *b.node.operation->thresholds();
  if (!b.exact()) {
    if (const auto spacing = grid_of(at.values, at.lo)) return by_grid(b, b.real(), *spacing);
  }
  std::vector<std::string> thresholds;
  for (const float t : at.values) thresholds.push_back(b.scalar("threshold", t));
  return by_thresholds(b, b.real(), thresholds);
}

}  // namespace

const Emitter quantize_onnx = quantize;

}  // namespace tern::onnx

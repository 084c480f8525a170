#include "export/onnx/ordered_sum.hpp"

namespace tern::onnx {

// Each tap is a convolution with a kernel that is 1 at one place and 0 elsewhere, whose sum is exact.
std::string taps(const Body& b, const std::string& x, const kernels::ConvShape& window, const Dims& pads) {
  const i64 places = window.kernel_h * window.kernel_w;
  std::vector<std::int8_t> pick(static_cast<std::size_t>(window.channels * places * places));
  for (i64 i = 0; i < window.channels * places; ++i) pick[static_cast<std::size_t>(i * places + i % places)] = 1;
  const std::string kernel =
      b.cast(b.constant("taps", {window.channels * places, 1, window.kernel_h, window.kernel_w}, pick), Type::kFloat);
  return b.add("Conv", {x, kernel},
               {{"kernel_shape", Dims{window.kernel_h, window.kernel_w}},
                {"strides", Dims{window.stride_h, window.stride_w}},
                {"pads", pads},
                {"dilations", Dims{window.dilation_h, window.dilation_w}},
                {"group", window.channels}});
}

std::string ordered_sum(const Body& b, const std::string& x, const std::string& w, const Dims& result) {
  const std::string at = b.node.graph->name + "/product/";
  auto product = std::make_shared<Graph>();
  product->name = "product";
  product->initializers = {{at + "axis", Tensor::of({1}, std::span<const i64>(std::vector<i64>{2}))}};
  product->nodes = {{"Unsqueeze", {at + "x", at + "axis"}, at + "x_all", {}},
                    {"Mul", {at + "x_all", at + "w"}, at + "xw", {}},
                    {"Add", {at + "before", at + "xw"}, at + "after", {}}};
  product->inputs = {{at + "before", Type::kFloat, {}}, {at + "x", Type::kFloat, {}}, {at + "w", Type::kFloat, {}}};
  product->outputs = {{at + "after", Type::kFloat, {}}};
  return b.add(
      "Scan", {b.zeros(result), x, w},
      {{"body", std::shared_ptr<const Graph>(product)}, {"num_scan_inputs", i64{2}}, {"scan_input_axes", Dims{2, 0}}});
}

}  // namespace tern::onnx

#include "export/onnx/body.hpp"

#include <algorithm>

namespace tern::onnx {

// "conv1/Add", "conv1/Add_2", ...
std::string Body::unused(const std::string& what) const {
  const std::string name = node.graph->name + "/" + what;
  std::string out = name;
  for (int n = 2; !names.insert(out).second; ++n) out = name + "_" + std::to_string(n);
  return out;
}

std::string Body::add(const std::string& op, std::vector<std::string> inputs, Attributes attributes) const {
  graph.nodes.push_back({op, std::move(inputs), unused(op), std::move(attributes)});
  return graph.nodes.back().output;
}

std::string Body::initializer(const std::string& what, Tensor tensor) const {
  graph.initializers.emplace_back(unused(what), std::move(tensor));
  return graph.initializers.back().first;
}

std::string Body::real(std::size_t i) const {
  const infer::ValueType& type = read.in(i);
  return exact() && type.is_codes() ? add("Mul", {in[i], scalar("input_step", type.step)}) : in[i];
}

std::string Body::zeros(Dims dims) const {
  const std::string batch = add("Shape", {in[0]}, {{"start", i64{0}}, {"end", i64{1}}});
  const auto rank = static_cast<i64>(dims.size());
  return add("ConstantOfShape", {add("Concat", {batch, constant("extents", {rank}, dims)}, {{"axis", i64{0}}})});
}

std::string Body::padded(const std::string& x, i64 top, i64 left, i64 bottom, i64 right, float value) const {
  return add("Pad",
             {x, constant<i64>("pads", {8}, {0, 0, top, left, 0, 0, bottom, right}), scalar("pad_value", value)});
}

std::string Body::cut(const std::string& x, i64 top, i64 left, i64 bottom, i64 right, i64 stride) const {
  return add("Slice", {x, constant<i64>("starts", {2}, {top, left}), constant<i64>("ends", {2}, {bottom, right}),
                       constant<i64>("axes", {2}, {2, 3}), constant<i64>("steps", {2}, {stride, stride})});
}

void Body::expect_exact(i64 most) const {
  constexpr i64 kExact = i64{1} << 24;
  if (most > kExact)
    infer::refuse(*node.graph, "its integer sums reach " + std::to_string(most) +
                                   ", and ONNX' convolutions of floats are exact up to " + std::to_string(kExact) +
                                   " only; export it without --exact");
}

Emitter emitter_of(const infer::Node& node) {
  static const std::vector<std::pair<const infer::Meaning*, Emitter>> kAll{
#define TERN_PACKED_OP(name, ...) {&infer::name##_op, name##_onnx},
#include "infer/ops/ops.def"
#undef TERN_PACKED_OP
  };
  return std::find_if(kAll.begin(), kAll.end(), [&](const auto& row) { return row.first == node.op; })->second;
}

}  // namespace tern::onnx

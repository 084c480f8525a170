#include "export/c/body.hpp"

#include <algorithm>
#include <cmath>

namespace tern::c99 {

std::string_view name_of(Form form) { return form == Form::kPlain ? "int8" : form == Form::kBase3 ? "base3" : "bits"; }

std::string Body::element(Table table, const std::string& index) const {
  out.tables.push_back(std::move(table));
  return out.tables.back().at(prefix, index);
}

std::string Body::of_channel(const std::string& what, std::span<const float> values, const std::string& index) const {
  for (const float v : values) {
    if (!std::isfinite(v)) infer::refuse(*node.graph, "its " + what + " is not finite in single precision");
  }
  const bool same = std::all_of(values.begin(), values.end(),
                                [&](float v) { return v == values[0] && std::signbit(v) == std::signbit(values[0]); });
  if (same) return literal(values[0]);
  return element(floats(name + "_" + what, node.graph->name + ": " + what + ", one a channel", values), index);
}

std::string Body::of_channel(const std::string& what, const std::vector<i64>& values) const {
  if (std::all_of(values.begin(), values.end(), [&](i64 v) { return v == values[0]; })) return literal(values[0]);
  return "(int64_t)" +
         element(integers(name + "_" + what, node.graph->name + ": " + what + " in units of the scores", values), o);
}

const Emitter& emitter_of(const infer::Node& node) {
  static const std::vector<std::pair<const infer::Meaning*, const Emitter*>> kAll{
#define TERN_PACKED_OP(name, ...) {&infer::name##_op, &name##_c},
#include "infer/ops/ops.def"
#undef TERN_PACKED_OP
  };
  return *std::find_if(kAll.begin(), kAll.end(), [&](const auto& row) { return row.first == node.op; })->second;
}

}  // namespace tern::c99

#include "infer/ops/op.hpp"

#include <algorithm>

#include "kernels/exact.hpp"

namespace tern::infer {

void dequantize(const std::int8_t* codes, i64 n, float step, float* out) {
  for (i64 i = 0; i < n; ++i) out[i] = exact::dequantize(codes[i], step);
}

const float* real(const Dense& value, Scratch& scratch) {
  if (!value.type->is_codes()) return value.floats;
  float* out = scratch.get<float>(0, value.type->numel());
  dequantize(value.codes, value.type->numel(), value.type->step, out);
  return out;
}

std::span<const PackedOp> packed_ops() {
  static constexpr PackedOp kOps[] = {
#define TERN_PACKED_OP(name, file, inputs, fields) {#name, inputs, fields, name##_op},
#include "infer/ops/ops.def"
#undef TERN_PACKED_OP
  };
  return kOps;
}

const PackedOp* find_packed_op(std::string_view name) {
  const auto ops = packed_ops();
  const auto it = std::find_if(ops.begin(), ops.end(), [&](const PackedOp& op) { return op.name == name; });
  return it == ops.end() ? nullptr : &*it;
}

namespace {

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

std::vector<std::string_view> PackedOp::keys() const {
  std::vector<std::string_view> out = words(fields);
  std::erase_if(out, [](std::string_view w) { return w[0] == '.'; });
  return out;
}

std::vector<std::string_view> PackedOp::blobs() const {
  std::vector<std::string_view> out;
  for (const std::string_view w : words(fields)) {
    if (w[0] == '.') out.push_back(w.substr(1));
  }
  return out;
}

}  // namespace tern::infer

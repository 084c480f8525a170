#include "infer/ops/op.hpp"

#include <algorithm>

#include "kernels/exact.hpp"
#include "tern/error.hpp"

namespace tern::infer {

void dequantize(const std::int8_t* codes, i64 n, float step, float* out) {
  for (i64 i = 0; i < n; ++i) out[i] = exact::dequantize(codes[i], step);
}

namespace {

std::size_t lines(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

template <class T>
std::size_t bytes_of(i64 n) {
  return lines(static_cast<std::size_t>(n) * sizeof(T));
}

}  // namespace

std::size_t ScratchSizes::bytes() const {
  std::size_t sum = 0;
  for (const i64 n : floats) sum += bytes_of<float>(n);
  for (const i64 n : codes) sum += bytes_of<std::int8_t>(n);
  for (const i64 n : ints) sum += bytes_of<std::int32_t>(n);
  return sum;
}

Scratch::Scratch(const ScratchSizes& sizes, std::byte* memory) {
  const auto lay = [&](auto& buffers, const auto& wanted) {
    using T = std::remove_pointer_t<decltype(buffers[0].at)>;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      buffers[i] = {reinterpret_cast<T*>(memory), wanted[i]};
      memory += bytes_of<T>(wanted[i]);
    }
  };
  lay(std::get<0>(buffers_), sizes.floats);
  lay(std::get<1>(buffers_), sizes.codes);
  lay(std::get<2>(buffers_), sizes.ints);
}

void Scratch::too_small() { throw Error("[infer] an operation wants more scratch memory than it said"); }

ScratchSizes Operation::scratch(std::span<const ValueType* const> in, const ValueType&) const {
  ScratchSizes s;
  for (const ValueType* x : in) s.floats[0] = std::max(s.floats[0], x->is_codes() ? x->numel() : 0);
  return s;
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

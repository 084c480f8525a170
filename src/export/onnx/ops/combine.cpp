// Several values into one: add, concat.
#include "export/onnx/body.hpp"

namespace tern::onnx {
namespace {

std::string sum(const Body& b) {
  std::string out = b.real(0);
  for (std::size_t i = 1; i < b.in.size(); ++i) out = b.add("Add", {out, b.real(i)});
  return out;
}

std::string concat(const Body& b) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < b.in.size(); ++i) parts.push_back(b.node.type.is_codes() ? b.in[i] : b.real(i));
  return b.add("Concat", parts, {{"axis", i64{1}}});
}

}  // namespace

const Emitter add_onnx = sum, concat_onnx = concat;

}  // namespace tern::onnx

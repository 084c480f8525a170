// The image: bytes, normalised by the same three operations that the packed runtime's table holds.
#include "export/onnx/body.hpp"

namespace tern::onnx {
namespace {

std::string input(const Body& b) {
  const auto channels = static_cast<std::size_t>(b.node.type.channels());
  const auto numbers = [&](const char* key, float otherwise) {
    return b.of_channel(key, b.node.type,
                        b.read.has(key) ? b.read.numbers(key) : std::vector<float>(channels, otherwise));
  };
  const std::string x = b.add("Div", {b.cast(b.in[0], Type::kFloat), b.scalar("white", 255)});
  return b.add("Div", {b.add("Sub", {x, numbers("mean", 0)}), numbers("std", 1)});
}

}  // namespace

const Emitter input_onnx = input;

}  // namespace tern::onnx

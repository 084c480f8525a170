// Writes the example networks of every packed operation into a folder, for tests/cross/onnx.py: NAME-0.tern and so on.
#include <filesystem>
#include <string>

#include "infer/examples.hpp"

int main(int argc, char** argv) {
  using namespace tern;
  if (argc != 2) return 2;
  for (const infer::PackedOp& op : infer::packed_ops()) {
    int n = 0;
    for (const test::Builder& b : test::examples(op.name)) {
      const std::string name = std::string(op.name) + "-" + std::to_string(n++) + ".tern";
      packed::write(b.model, (std::filesystem::path(argv[1]) / name).string());
    }
  }
}

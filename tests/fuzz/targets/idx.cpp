#include "data/idx.hpp"

#include "../deflate.hpp"
#include "../target.hpp"

namespace tern::fuzz {

Target idx() {
  const auto run = [](ByteView bytes) {
    const std::string path = folder().write("train-images-idx3-ubyte", bytes);
    (void)data::read_idx(path, 3);
  };
  const Bytes plain{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 9, 8, 7, 6};
  return {run, {plain, deflated(plain, 15 + 16)}};
}

}  // namespace tern::fuzz

#include "../target.hpp"
#include "archives.hpp"
#include "tern/numpy.hpp"

namespace tern::fuzz {

Target npy() {
  using namespace tern::testing;
  const auto as_input = [](const tern::testing::Bytes& b) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(b.data());
    return tern::Bytes(begin, begin + b.size());
  };
  return {[](ByteView bytes) { (void)parse_npy(std::as_bytes(bytes), "fuzz"); },
          {as_input(tern::testing::npy(dictionary("<f4", "(2, 3)"), raw<float>({1, 2, 3, 4, 5, 6}))),
           as_input(tern::testing::npy(dictionary("<i4", "(2,)", "True"), raw<std::int32_t>({7, -8}), 2))}};
}

}  // namespace tern::fuzz

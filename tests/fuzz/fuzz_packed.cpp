// libFuzzer target: bytes that claim to be a packed model. The checksums are repaired first, else nothing gets past them.
// Whatever decodes is encoded again, checked, and, if it is small, run.
//   fuzz_packed -max_len=4096 CORPUS
#include <algorithm>
#include <cstdint>
#include <exception>
#include <vector>

#include "infer/node.hpp"
#include "packed/crc32.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"
#include "tern/parallel.hpp"

namespace {

using Bytes = std::vector<std::byte>;

std::uint64_t get(const Bytes& f, std::size_t at, std::size_t n) {
  std::uint64_t v = 0;
  for (std::size_t i = n; i-- > 0;) v = v << 8 | static_cast<std::uint64_t>(f[at + i]);
  return v;
}
void put(Bytes& f, std::size_t at, std::uint64_t v, std::size_t n = 4) {
  for (std::size_t i = 0; i < n; ++i) f[at + i] = static_cast<std::byte>(v >> (8 * i) & 0xff);
}

void repair(Bytes& f) {
  put(f, 16, f.size(), 8);
  const std::span<const std::byte> all(f);
  const std::uint64_t table = std::min<std::uint64_t>(get(f, 24, 8), f.size() - 48);
  std::size_t at = 48;
  for (std::uint64_t i = 0, n = get(f, 12, 4); i < n && at + 21 <= 48 + table; ++i) {
    const std::uint64_t offset = get(f, at + 1, 8), size = get(f, at + 9, 8);
    if (offset <= f.size() && size <= f.size() - offset) put(f, at + 17, tern::packed::crc32(all.subspan(offset, size)));
    const std::uint64_t kind = get(f, at, 1);
    at += 21;
    if (kind != 3) continue;
    if (at + 8 > 48 + table) break;
    at += 8 + 8 * get(f, at + 7, 1);
    if (at + 2 > 48 + table) break;
    at += 2 + get(f, at, 2);
  }
  put(f, 32, tern::packed::crc32(all.subspan(48, table)));
  put(f, 44, tern::packed::crc32(all.first(44)));
  put(f, f.size() - 4, tern::packed::crc32(all.first(f.size() - 4)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tern::set_num_threads(1);
  Bytes bytes(size);
  std::transform(data, data + size, bytes.begin(), [](std::uint8_t b) { return static_cast<std::byte>(b); });
  for (int round = 0; round < 2; ++round) {
    try {
      tern::packed::Model model = tern::packed::decode(bytes);
      if (tern::packed::encode(tern::packed::decode(tern::packed::encode(model))) != tern::packed::encode(model)) __builtin_trap();
      std::int64_t work = 0;
      for (const tern::infer::Node& n : tern::infer::check_model(model)) work += n.type.numel() + n.macs() / 4;
      if (work > 200'000) return 0;
      const auto pixels = static_cast<std::size_t>(tern::infer::check_model(model).front().type.numel());
      const std::vector<std::uint8_t> image(pixels, 100);
      tern::infer::Session reference(model, {.isa = tern::Isa::kReference}), fast(std::move(model));
      const auto a = reference.run(image, 1), b = fast.run(image, 1);
      for (std::size_t i = 0; i < a.size(); ++i) {
        if (!(a[i] == b[i]) && a[i] == a[i]) __builtin_trap();
      }
    } catch (const tern::Error&) {
    }
    if (size < 52) return 0;
    repair(bytes);
  }
  return 0;
}

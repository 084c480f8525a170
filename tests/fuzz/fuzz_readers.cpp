// libFuzzer target: bytes that claim to be safetensors, .npy or .npz. The first byte says which; the checksums of a
// zip's members, which the mutator would not guess, are put right first.
//   tests/fuzz/run.sh readers
#include <zlib.h>

#include <cstdint>
#include <vector>

#include "tern/error.hpp"
#include "tern/numpy.hpp"
#include "tern/safetensors.hpp"

namespace {

using Bytes = std::vector<std::byte>;

std::uint32_t get(const Bytes& f, std::size_t at, std::size_t n) {
  std::uint32_t v = 0;
  for (std::size_t i = n; i-- > 0;) v = v << 8 | static_cast<std::uint32_t>(f[at + i]);
  return v;
}
void put(Bytes& f, std::size_t at, std::uint32_t v) {
  for (std::size_t i = 0; i < 4; ++i) f[at + i] = static_cast<std::byte>(v >> (8 * i) & 0xff);
}

// The content of a member, stored or deflated, as far as it goes; at most 64 KiB.
Bytes content(const Bytes& f, std::size_t at, std::size_t n, bool deflated) {
  Bytes out(f.begin() + static_cast<std::ptrdiff_t>(at), f.begin() + static_cast<std::ptrdiff_t>(at + n));
  if (!deflated) return out;
  Bytes plain(1 << 16);
  z_stream z{};
  if (inflateInit2(&z, -15) != Z_OK) return {};
  z.next_in = reinterpret_cast<unsigned char*>(out.data());
  z.avail_in = static_cast<unsigned>(n);
  z.next_out = reinterpret_cast<unsigned char*>(plain.data());
  z.avail_out = static_cast<unsigned>(plain.size());
  inflate(&z, Z_FINISH);
  plain.resize(z.total_out);
  inflateEnd(&z);
  return plain;
}

// Sets the checksum of each member that a directory entry finds, in both places.
void repair(Bytes& f) {
  for (std::size_t at = 0; at + 46 <= f.size(); ++at) {
    if (get(f, at, 4) != 0x02014b50) continue;
    const std::size_t local = get(f, at + 42, 4), packed = get(f, at + 20, 4);
    if (local > f.size() || f.size() - local < 30) continue;
    const std::size_t begin = local + 30 + get(f, local + 26, 2) + get(f, local + 28, 2);
    if (begin > f.size() || f.size() - begin < packed) continue;
    const Bytes plain = content(f, begin, packed, get(f, at + 10, 2) == 8);
    const auto crc = static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const unsigned char*>(plain.data()), static_cast<unsigned>(plain.size())));
    put(f, at + 16, crc);
    put(f, local + 14, crc);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  Bytes bytes(begin + 1, begin + size);
  try {
    switch (data[0] % 3) {
      case 0:
        tern::parse_safetensors(bytes, "fuzz");
        break;
      case 1:
        tern::parse_npy(bytes, "fuzz");
        break;
      case 2:
        repair(bytes);
        tern::parse_npz(bytes, "fuzz");
        break;
    }
  } catch (const tern::Error&) {
  }
  return 0;
}

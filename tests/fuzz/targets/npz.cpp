#include <zlib.h>

#include "../target.hpp"
#include "archives.hpp"
#include "tern/numpy.hpp"

namespace tern::fuzz {
namespace {

std::uint32_t get(const Bytes& f, std::size_t at, std::size_t n) {
  std::uint32_t v = 0;
  for (std::size_t i = n; i-- > 0;) v = v << 8 | static_cast<std::uint32_t>(f[at + i]);
  return v;
}
void put(Bytes& f, std::size_t at, std::uint32_t v) {
  for (std::size_t i = 0; i < 4; ++i) f[at + i] = static_cast<std::uint8_t>(v >> (8 * i) & 0xff);
}

// The content of a member, stored or deflated, as far as it goes; at most 64 KiB.
Bytes content(const Bytes& f, std::size_t at, std::size_t n, bool deflated) {
  Bytes out(f.begin() + static_cast<std::ptrdiff_t>(at), f.begin() + static_cast<std::ptrdiff_t>(at + n));
  if (!deflated) return out;
  Bytes plain(1 << 16);
  z_stream z{};
  if (inflateInit2(&z, -15) != Z_OK) return {};
  z.next_in = out.data();
  z.avail_in = static_cast<unsigned>(n);
  z.next_out = plain.data();
  z.avail_out = static_cast<unsigned>(plain.size());
  inflate(&z, Z_FINISH);
  plain.resize(z.total_out);
  inflateEnd(&z);
  return plain;
}

// Sets the checksum of each member that a directory entry finds, in both places.
void repair_zip(Bytes& f) {
  for (std::size_t at = 0; at + 46 <= f.size(); ++at) {
    if (get(f, at, 4) != 0x02014b50) continue;
    const std::size_t local = get(f, at + 42, 4), packed = get(f, at + 20, 4);
    if (local > f.size() || f.size() - local < 30) continue;
    const std::size_t begin = local + 30 + get(f, local + 26, 2) + get(f, local + 28, 2);
    if (begin > f.size() || f.size() - begin < packed) continue;
    const Bytes plain = content(f, begin, packed, get(f, at + 10, 2) == 8);
    const auto crc = static_cast<std::uint32_t>(::crc32(0, plain.data(), static_cast<unsigned>(plain.size())));
    put(f, at + 16, crc);
    put(f, local + 14, crc);
  }
}

}  // namespace

Target npz() {
  using tern::testing::floats_npy, tern::testing::member;
  const auto archive = tern::testing::zip(
      {member("a.npy", floats_npy({1, 2, 3})), member("b.npy", floats_npy(std::vector<float>(60, 0.0f)), true)},
      "comment");
  const auto* begin = reinterpret_cast<const std::uint8_t*>(archive.data());
  return {[](ByteView bytes) { (void)parse_npz(std::as_bytes(bytes), "fuzz"); },
          {Bytes(begin, begin + archive.size())},
          repair_zip};
}

}  // namespace tern::fuzz

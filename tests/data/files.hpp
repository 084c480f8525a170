// Small files for the tests of this room: temporary folders, gzip, tar, JPEG and PNG made on the spot.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "files/bytes.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"

namespace files {

using tern::Bytes;
using tern::ByteView;

/// A folder that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tern-data-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write(const std::string& path, ByteView bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(out.good());
}

inline Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

inline ByteView first(const Bytes& bytes, std::size_t n) { return ByteView(bytes).first(n); }

inline Bytes gzip(ByteView content) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&z, static_cast<uLong>(content.size())) + 64);
  z.next_in = const_cast<Bytef*>(content.data());
  z.avail_in = static_cast<uInt>(content.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

inline void append(Bytes& to, ByteView more) {
  to.reserve(to.size() + more.size());
  for (const std::uint8_t b : more) to.push_back(b);
}

inline void append_u32(Bytes& to, std::uint32_t v) {
  for (const int shift : {24, 16, 8, 0}) to.push_back(static_cast<std::uint8_t>(v >> shift));
}

inline Bytes idx(const std::vector<std::uint32_t>& extents, ByteView data) {
  Bytes out;
  append_u32(out, 0x800u + static_cast<std::uint32_t>(extents.size()));
  for (const std::uint32_t e : extents) append_u32(out, e);
  append(out, data);
  return out;
}

struct TarOptions {
  char type = '0';
  std::string prefix = {};
  long long size_in_header = -1;  ///< -1: the true one
  bool good_checksum = true;
};

/// One header and its padded data.
inline Bytes tar_member(const std::string& name, ByteView data, const TarOptions& o = {}) {
  Bytes h(512);
  const auto put = [&](std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), h.begin() + static_cast<std::ptrdiff_t>(at));
  };
  const auto octal = [](long long v, int digits) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%0*llo", digits, v);
    return std::string(text.data());
  };
  put(0, name);
  put(100, "0000644");
  put(124, octal(o.size_in_header >= 0 ? o.size_in_header : static_cast<long long>(data.size()), 11));
  put(136, "00000000000");
  h[156] = static_cast<std::uint8_t>(o.type);
  put(257, std::string_view("ustar\00000", 8));
  put(345, o.prefix);
  put(148, "        ");
  long long sum = o.good_checksum ? 0 : 1;
  for (const std::uint8_t b : h) sum += b;
  put(148, octal(sum, 6));
  h[154] = 0;
  append(h, data);
  h.resize((h.size() + 511) / 512 * 512);
  return h;
}

inline Bytes tar(const std::vector<std::pair<std::string, Bytes>>& members) {
  Bytes out;
  for (const auto& [name, data] : members) append(out, tar_member(name, data));
  out.resize(out.size() + 1024);
  return out;
}

/// A JPEG of rows x cols squares of 8 x 8 pixels and one colour each, row by row one value a component (1: grey, 3: Y
/// Cb Cr): each block is its DC coefficient alone, and with a quantiser of 8 that coefficient is value - 128.
inline Bytes jpeg(const std::vector<int>& values, int cols = 1, int rows = 1) {
  Bytes out{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0};
  append(out, Bytes(64, 8));
  const auto n = static_cast<std::uint8_t>(values.size() / static_cast<std::size_t>(cols * rows));
  append(out, Bytes{0xff, 0xc0, 0, static_cast<std::uint8_t>(8 + 3 * n), 8, 0, static_cast<std::uint8_t>(8 * rows), 0,
                    static_cast<std::uint8_t>(8 * cols), n});
  for (std::uint8_t c = 1; c <= n; ++c) append(out, Bytes{c, 0x11, 0});
  // DC codes: nine categories of 4 bits each. AC: end of block, 1 bit.
  append(out,
         Bytes{0xff, 0xc4, 0, 28, 0x00, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8});
  append(out, Bytes{0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  append(out, Bytes{0xff, 0xda, 0, static_cast<std::uint8_t>(6 + 2 * n), n});
  for (std::uint8_t c = 1; c <= n; ++c) append(out, Bytes{c, 0x00});
  append(out, Bytes{0, 63, 0});
  std::string bits;
  const auto put = [&](int value, int width) {
    for (int b = width - 1; b >= 0; --b) bits += static_cast<char>('0' + ((value >> b) & 1));
  };
  std::vector<int> before(n, 128);  // a coefficient is written as its difference from the one before
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int dc = values[i] - std::exchange(before[i % n], values[i]);
    int category = 0;
    while ((dc < 0 ? -dc : dc) >> category != 0) ++category;
    put(category, 4);
    put(dc >= 0 ? dc : dc + (1 << category) - 1, category);
    put(0, 1);
  }
  while (bits.size() % 8 != 0) bits += '1';
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    const auto byte = static_cast<std::uint8_t>(std::stoi(bits.substr(i, 8), nullptr, 2));
    out.push_back(byte);
    if (byte == 0xff) out.push_back(0);
  }
  append(out, Bytes{0xff, 0xd9});
  return out;
}

/// A PNG of 8-bit samples; `colour` is PNG's colour type: 0 grey, 2 RGB, 4 grey + alpha, 6 RGBA. `pixels` are
/// interleaved rows. `claim_*` lie about the size in the header.
inline Bytes png(int width, int height, int colour, ByteView pixels, std::uint32_t claim_width = 0,
                 std::uint32_t claim_height = 0) {
  Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const auto chunk = [&](std::string_view type, ByteView data) {
    append_u32(out, static_cast<std::uint32_t>(data.size()));
    Bytes body = bytes_of(type);
    append(body, data);
    append(out, body);
    append_u32(out, static_cast<std::uint32_t>(crc32(0, body.data(), static_cast<uInt>(body.size()))));
  };
  Bytes header;
  append_u32(header, claim_width != 0 ? claim_width : static_cast<std::uint32_t>(width));
  append_u32(header, claim_height != 0 ? claim_height : static_cast<std::uint32_t>(height));
  append(header, Bytes{8, static_cast<std::uint8_t>(colour), 0, 0, 0});
  chunk("IHDR", header);
  const std::size_t row = pixels.size() / static_cast<std::size_t>(height);
  Bytes raw;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    raw.push_back(0);
    append(raw, pixels.subspan(y * row, row));
  }
  uLongf size = compressBound(static_cast<uLong>(raw.size()));
  Bytes packed(size);
  REQUIRE(compress2(packed.data(), &size, raw.data(), static_cast<uLong>(raw.size()), 9) == Z_OK);
  packed.resize(size);
  chunk("IDAT", packed);
  chunk("IEND", {});
  return out;
}

/// Reads every proper prefix of `whole` shorter than `end`; each must throw FormatError.
inline void check_truncations(const Bytes& whole, std::size_t end, const std::string& path,
                              const std::function<void()>& read) {
  for (std::size_t n = 0; n < end; ++n) {
    write(path, first(whole, n));
    CAPTURE(n);
    CHECK_THROWS_AS(read(), tern::FormatError);
  }
  write(path, whole);
}

/// Flips bits of each byte in turn; the reader may refuse or accept, but only throw tern::Error.
inline void check_flips(const Bytes& whole, const std::string& path, const std::function<void()>& read) {
  int refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      Bytes broken = whole;
      broken[i] = static_cast<std::uint8_t>(broken[i] ^ flip);
      write(path, broken);
      CAPTURE(i, flip);
      try {
        read();
      } catch (const tern::Error&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 0);
  write(path, whole);
}

}  // namespace files

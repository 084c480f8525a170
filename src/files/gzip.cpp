// The only user of zlib: streaming inflate into a vector that grows with what arrives.
#include "files/gzip.hpp"

#include <zlib.h>

#include <algorithm>

#include "tern/error.hpp"

namespace tern {
namespace {

constexpr const char* kGunzip = "gunzip";
constexpr std::size_t kChunk = std::size_t{1} << 20;
/// Deflate codes at most 258 bytes in 2 bits, so a longer promise is a lie and needs no memory.
constexpr std::size_t kMaxRatio = 1032;

/// zlib's window bits: the largest window, with gzip's wrapper (CRC-32 and length required), or without any.
enum class Wrapper { kGzip = 15 + 16, kNone = -15 };

class Inflater {
 public:
  Inflater(ByteView bytes, const std::string& path, Wrapper wrapper = Wrapper::kGzip) : bytes_(bytes), path_(path) {
    if (inflateInit2(&stream_, static_cast<int>(wrapper)) != Z_OK)
      throw IoError(std::string("[") + kGunzip + "] zlib: out of memory");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  /// Appends up to `n` bytes to `out`; fewer only at the end of the content.
  void append(Bytes& out, std::size_t n) {
    while (n > 0 && !ended_) {
      const std::size_t step = std::min(n, kChunk);
      const std::size_t before = out.size();
      out.resize(before + step);
      const std::size_t got = fill(out.data() + before, step);
      out.resize(before + got);
      n -= got;
    }
  }

  bool ended() const { return ended_; }
  std::size_t consumed() const { return consumed_; }

 private:
  std::size_t fill(std::uint8_t* to, std::size_t n) {
    stream_.next_out = to;
    stream_.avail_out = static_cast<uInt>(n);
    while (stream_.avail_out > 0 && !ended_) {
      const std::size_t give = std::min<std::size_t>(bytes_.size() - consumed_, std::size_t{1} << 30);
      // zlib's interface is not const, but inflate does not write to its input.
      stream_.next_in = const_cast<Bytef*>(bytes_.data() + consumed_);
      stream_.avail_in = static_cast<uInt>(give);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      consumed_ += give - stream_.avail_in;
      if (code == Z_STREAM_END) {
        ended_ = true;
      } else if (code == Z_BUF_ERROR || (code == Z_OK && give == 0)) {
        bad_format(kGunzip, path_, consumed_, "gzip data", "expected more; got the end of the file (truncated?)");
      } else if (code != Z_OK) {
        bad_format(kGunzip, path_, consumed_, "gzip data", stream_.msg != nullptr ? stream_.msg : "damaged");
      }
    }
    return n - stream_.avail_out;
  }

  ByteView bytes_;
  const std::string& path_;
  z_stream stream_{};
  std::size_t consumed_ = 0;
  bool ended_ = false;
};

}  // namespace

bool is_gzip(ByteView bytes) { return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

Bytes gunzip_prefix(ByteView bytes, std::size_t n, const std::string& path) {
  Bytes out;
  Inflater(bytes, path).append(out, n);
  return out;
}

namespace {

Bytes exact(ByteView bytes, std::size_t size, const std::string& path, Wrapper wrapper, std::size_t skip) {
  if (size / kMaxRatio > bytes.size()) {
    bad_format(kGunzip, path, 0, "size",
               "expected " + std::to_string(size) + " bytes of content; got a file too short to hold them");
  }
  if (size > most_unpacked(bytes.size())) {
    bad_format(kGunzip, path, 0, "size",
               "expected at most " + std::to_string(most_unpacked(bytes.size())) +
                   " bytes of content, 100 times the file; got " + std::to_string(size));
  }
  Inflater inflater(bytes, path, wrapper);
  Bytes start, out;
  out.reserve(size - skip);
  inflater.append(start, skip);
  inflater.append(out, size - skip);
  if (start.size() + out.size() < size) {
    bad_format(
        kGunzip, path, inflater.consumed(), "size",
        "expected " + std::to_string(size) + " bytes of content; got " + std::to_string(start.size() + out.size()));
  }
  // One byte more: it must not come, and asking for it makes zlib check the CRC.
  Bytes extra;
  inflater.append(extra, 1);
  if (!extra.empty()) {
    bad_format(kGunzip, path, inflater.consumed(), "size",
               "expected " + std::to_string(size) + " bytes of content; got more");
  }
  if (inflater.consumed() != bytes.size()) {
    bad_format(
        kGunzip, path, inflater.consumed(), "end",
        "expected the end of the file; got " + std::to_string(bytes.size() - inflater.consumed()) + " more bytes");
  }
  return out;
}

}  // namespace

Bytes gunzip_exact(ByteView bytes, std::size_t size, const std::string& path, std::size_t skip) {
  return exact(bytes, size, path, Wrapper::kGzip, skip);
}

Bytes inflate_exact(ByteView bytes, std::size_t size, const std::string& path) {
  return exact(bytes, size, path, Wrapper::kNone, 0);
}

}  // namespace tern

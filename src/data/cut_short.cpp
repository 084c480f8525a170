#include "data/cut_short.hpp"

#include <cstdlib>

namespace tern::data {
namespace {

std::uint64_t number(ByteView file, std::size_t at, std::size_t bytes) {
  return little_endian(std::as_bytes(file.subspan(at, bytes)));
}

/// Rows of whole 4 bytes, from an offset that the header tells.
bool bmp_is_cut_short(ByteView file) {
  constexpr std::size_t kHeader = 30;
  if (file.size() < kHeader) return true;
  const bool old = number(file, 14, 4) == 12;  // 16-bit extents
  const std::uint64_t width = number(file, 18, old ? 2 : 4);
  const auto rows =
      old ? static_cast<std::int32_t>(number(file, 20, 2)) : static_cast<std::int32_t>(number(file, 22, 4));
  const std::uint64_t bits = number(file, old ? 24 : 28, 2);
  const std::uint64_t height = static_cast<std::uint64_t>(std::abs(std::int64_t{rows}));
  return (width * bits + 31) / 32 * 4 * height + number(file, 10, 4) > file.size();
}

class GifWalk {
 public:
  explicit GifWalk(ByteView file) : file_(file) {}

  bool reaches_end_of_first_picture() {
    skip(10);
    skip_table(next());
    skip(2);
    for (int introducer = next(); introducer == '!'; introducer = next()) {
      skip(1);
      skip_blocks();
    }
    skip(8);
    skip_table(next());
    skip(1);
    skip_blocks();
    return at_ <= file_.size();
  }

 private:
  void skip(std::size_t n) { at_ += n; }
  int next() {
    const int byte = at_ < file_.size() ? file_[at_] : 0;
    ++at_;
    return byte;
  }
  void skip_table(int flags) { skip((flags & 0x80) != 0 ? std::size_t{6} << (flags & 7) : 0); }
  void skip_blocks() {
    for (int length = next(); length != 0; length = next()) skip(static_cast<std::size_t>(length));
  }

  ByteView file_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_cut_short(ByteView file) {
  if (file.size() < 3) return false;
  if (file[0] == 'B' && file[1] == 'M') return bmp_is_cut_short(file);
  if (file[0] == 'G' && file[1] == 'I' && file[2] == 'F') return !GifWalk(file).reaches_end_of_first_picture();
  return false;
}

}  // namespace tern::data

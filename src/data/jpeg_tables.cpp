// Walks the segments of a JPEG in the places where stb_image would meet them: every marker that it processes is seen
// here too, or else comes after one at which it gives up. Bytes past the end read as 0, as they do there.
#include "data/jpeg_tables.hpp"

namespace tern::data {
namespace {

constexpr std::uint8_t kHuffmanTables = 0xC4, kStart = 0xD8, kEnd = 0xD9, kScan = 0xDA;
constexpr int kMaxScans = 100;

/// Markers without a segment: 00 is a stuffed 0xFF of the coded data, D0 to D7 are restarts within it.
bool stands_alone(std::uint8_t marker) { return marker == 0 || (marker >= 0xD0 && marker <= kStart); }

class Walker {
 public:
  explicit Walker(ByteView file) : file_(file) {}

  std::optional<JpegFlaw> first_flaw() {
    int scans = 0;
    while (at_ < file_.size()) {
      if (next() != 0xFF) continue;  // padding before a segment, or coded data
      std::uint8_t marker = 0xFF;
      while (marker == 0xFF && at_ < file_.size()) marker = next();
      if (marker == kEnd) return std::nullopt;
      if (stands_alone(marker) || marker == 0xFF) continue;
      if (marker == kScan && ++scans > kMaxScans)
        return JpegFlaw{at_ - 2, "scan", "expected at most 100 scans; got more"};
      const std::size_t length_at = at_;
      const std::size_t length = next() * std::size_t{256} + next();
      if (marker == kHuffmanTables) {
        if (const auto bad = oversized_in(length_at + length)) {
          return JpegFlaw{*bad, "Huffman table", "expected at most 256 codes; got more"};
        }
      }
      at_ = length_at + (length < 2 ? 2 : length);
    }
    return std::nullopt;
  }

 private:
  std::uint8_t next() {
    const std::uint8_t b = at_ < file_.size() ? file_[at_] : std::uint8_t{0};
    ++at_;
    return b;
  }

  /// A table: its class and number, 16 counts of codes by length, then a byte for each code.
  std::optional<std::size_t> oversized_in(std::size_t end) {
    while (at_ < end && at_ < file_.size()) {
      const std::size_t table_at = at_;
      next();
      std::size_t codes = 0;
      for (int i = 0; i < 16; ++i) codes += next();
      if (codes > 256) return table_at;
      at_ += codes;
    }
    return std::nullopt;
  }

  ByteView file_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<JpegFlaw> jpeg_flaw(ByteView file) {
  if (file.size() < 2 || file[0] != 0xFF) return std::nullopt;
  return Walker(file).first_flaw();
}

}  // namespace tern::data

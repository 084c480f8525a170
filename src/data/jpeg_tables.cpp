// Walks the segments of a JPEG in the places where stb_image would meet them: every marker that it processes is seen
// here too, or else comes after one at which it gives up. Bytes past the end read as 0, as they do there.
#include "data/jpeg_tables.hpp"

#include <algorithm>
#include <map>
#include <vector>

namespace tern::data {
namespace {

constexpr std::uint8_t kHuffmanTables = 0xC4, kStart = 0xD8, kEnd = 0xD9, kScan = 0xDA;
constexpr int kMaxScans = 100;
/// Visits of blocks that the scans may make in all. Photographs take 5 to 10 a byte, blank images under 30.
constexpr std::uint64_t kFreeVisits = std::uint64_t{1} << 20, kVisitsPerByte = 64;

/// Markers without a segment: 00 is a stuffed 0xFF of the coded data, D0 to D7 are restarts within it.
/// Of a frame that stb_image reads: baseline, extended, progressive.
bool is_frame(std::uint8_t marker) { return marker >= 0xC0 && marker <= 0xC2; }

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
      const std::size_t length = next_two();
      if (is_frame(marker) && blocks_.empty() && !read_frame()) {
        return JpegFlaw{length_at, "width, height", "expected a size for which the file has a bit a block of 8 x 8"};
      }
      if (marker == kScan && !read_scan()) {
        return JpegFlaw{length_at, "scan", "expected fewer passes over an image of this size in a file of this size"};
      }
      if (marker == kHuffmanTables) {
        if (const auto bad = oversized_in(length_at + length)) {
          return JpegFlaw{*bad, "Huffman table", "expected at most 256 codes; got more"};
        }
      }
      at_ = length_at + (length < 2 ? 2 : length);
    }
    return JpegFlaw{file_.size(), "end", "expected its marker: the file is cut short"};
  }

 private:
  std::uint8_t next() {
    const std::uint8_t b = at_ < file_.size() ? file_[at_] : std::uint8_t{0};
    ++at_;
    return b;
  }

  std::size_t next_two() {
    const std::size_t high = next();
    return high * 256 + next();
  }

  /// False if the file is too short for the blocks: each takes a bit at least. What makes no sense stb_image refuses.
  bool read_frame() {
    next();  // bits a sample
    const std::size_t height = next_two(), width = next_two(), components = next();
    struct Component {
      std::uint8_t name;
      std::size_t across, down;  // samples, relative to those of the others
    };
    std::vector<Component> all;
    std::size_t most_across = 1, most_down = 1;
    for (std::size_t i = 0; i < components; ++i) {
      const std::uint8_t name = next(), sampling = next();
      next();  // quantization table
      all.push_back({name, std::size_t{sampling} >> 4, sampling & std::size_t{15}});
      most_across = std::max(most_across, all.back().across);
      most_down = std::max(most_down, all.back().down);
    }
    const auto extent = [](std::size_t pixels, std::size_t part, std::size_t whole) {
      return (pixels * part + 8 * whole - 1) / (8 * whole);
    };
    std::uint64_t sum = 0;
    for (const Component& c : all) {
      blocks_[c.name] = std::uint64_t{extent(width, c.across, most_across)} * extent(height, c.down, most_down);
      sum += blocks_[c.name];
    }
    return sum / 8 <= file_.size();
  }

  /// False if the scans so far go over more blocks than they may.
  bool read_scan() {
    const std::size_t components = next();
    for (std::size_t i = 0; i < components; ++i) {
      visits_ += blocks_[next()];
      next();  // tables
    }
    return visits_ <= kFreeVisits + kVisitsPerByte * file_.size();
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
  std::map<std::uint8_t, std::uint64_t> blocks_;  // of 8 x 8 samples, by component
  std::uint64_t visits_ = 0;
};

}  // namespace

std::optional<JpegFlaw> jpeg_flaw(ByteView file) {
  if (file.size() < 2 || file[0] != 0xFF) return std::nullopt;
  return Walker(file).first_flaw();
}

}  // namespace tern::data

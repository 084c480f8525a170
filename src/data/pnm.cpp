// The reader of PNM. Format: netpbm's pbm(5), pgm(5), ppm(5); of several images in a file the first one.
#include "data/pnm.hpp"

#include <algorithm>

namespace tern::data {
namespace {

constexpr const char* kPnmReader = "read_pnm";
constexpr std::uint32_t kMaxPnmSide = 1u << 16, kMaxValue = 65535;

bool is_space(std::uint8_t b) { return b == ' ' || (b >= '\t' && b <= '\r'); }
bool is_digit(std::uint8_t b) { return b >= '0' && b <= '9'; }

class PnmReader {
 public:
  PnmReader(ByteView file, const std::string& path, std::uint64_t offset) : file_(file), path_(path), offset_(offset) {
    kind_ = file[1] - '0';
    at_ = 2;
    width_ = number("width", kMaxPnmSide);
    height_ = number("height", kMaxPnmSide);
    if (!bits()) max_ = number("maxval", kMaxValue);
    if (width_ == 0 || height_ == 0 || max_ == 0) fail("header", "expected a width, height and maxval of 1 or more");
    if (!plain()) {
      if (at_ >= file_.size() || !is_space(file_[at_])) fail("header", "expected white space behind it");
      ++at_;
    }
    // A plain sample is a digit at least, and all but bits have something between them.
    const std::uint64_t least = plain() ? (bits() ? samples() : 2 * samples() - 1) : height_ * row_bytes();
    if (file_.size() - at_ < least) {
      at_ = file_.size();
      fail("pixels", "expected " + std::to_string(least) + " bytes or more for " + std::to_string(width_) + " x " +
                         std::to_string(height_) + " pixels; got the end of the file");
    }
  }

  ImageShape shape() const {
    return {static_cast<int>(channels()), static_cast<int>(height_), static_cast<int>(width_)};
  }

  Bytes pixels() {
    Bytes out(static_cast<std::size_t>(samples()));
    if (kind_ == 1) {
      std::generate(out.begin(), out.end(), [this] { return plain_bit(); });
    } else if (kind_ == 4) {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = raw_bit(i / width_, i % width_);
    } else if (plain()) {
      std::generate(out.begin(), out.end(), [this] { return scaled(number("sample", kMaxValue)); });
    } else {
      std::generate(out.begin(), out.end(), [this] { return scaled(raw_sample()); });
    }
    return out;
  }

 private:
  bool plain() const { return kind_ <= 3; }
  bool bits() const { return kind_ == 1 || kind_ == 4; }
  bool wide() const { return max_ > 255; }
  std::uint64_t channels() const { return kind_ % 3 == 0 ? 3 : 1; }
  std::uint64_t samples() const { return channels() * width_ * height_; }
  std::uint64_t row_bytes() const { return bits() ? (width_ + 7) / 8 : channels() * width_ * (wide() ? 2 : 1); }

  [[noreturn]] void fail(const char* field, const std::string& detail) const {
    bad_format(kPnmReader, path_, offset_ + at_, field, detail);
  }

  void skip_space() {
    while (at_ < file_.size() && (is_space(file_[at_]) || file_[at_] == '#')) {
      if (file_[at_++] != '#') continue;
      while (at_ < file_.size() && file_[at_] != '\n' && file_[at_] != '\r') ++at_;
    }
  }

  std::uint32_t number(const char* field, std::uint32_t most) {
    skip_space();
    if (at_ >= file_.size() || !is_digit(file_[at_])) fail(field, "expected a number");
    std::uint32_t n = 0;
    for (; at_ < file_.size() && is_digit(file_[at_]); ++at_) {
      n = 10 * n + (file_[at_] - std::uint32_t{'0'});
      if (n > most) fail(field, "expected at most " + std::to_string(most));
    }
    return n;
  }

  std::uint32_t raw_sample() {
    const std::uint32_t high = file_[at_++];
    return wide() ? high << 8 | file_[at_++] : high;  // the more significant byte comes first
  }

  std::uint8_t scaled(std::uint32_t sample) const {
    if (sample > max_) fail("sample", "expected at most " + std::to_string(max_) + "; got " + std::to_string(sample));
    return static_cast<std::uint8_t>(max_ == 255 ? sample : (2 * 255 * sample + max_) / (2 * max_));
  }

  // In bitmaps 1 is black. Plain ones need no space between two.
  std::uint8_t plain_bit() {
    skip_space();
    if (at_ >= file_.size() || (file_[at_] != '0' && file_[at_] != '1')) fail("pixels", "expected 0 or 1");
    return file_[at_++] == '1' ? 0 : 255;
  }
  std::uint8_t raw_bit(std::size_t y, std::size_t x) const {
    const std::uint8_t byte = file_[at_ + y * static_cast<std::size_t>(row_bytes()) + x / 8];
    return (byte >> (7 - x % 8) & 1) != 0 ? 0 : 255;
  }

  ByteView file_;
  const std::string& path_;
  std::uint64_t offset_;
  std::size_t at_ = 0;
  int kind_ = 0;
  std::uint64_t width_ = 0, height_ = 0;
  std::uint32_t max_ = 1;
};

}  // namespace

bool is_pnm(ByteView file) {
  return file.size() >= 3 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6' &&
         (is_space(file[2]) || file[2] == '#');
}

ImageShape pnm_header(ByteView file, const std::string& path, std::uint64_t offset) {
  return PnmReader(file, path, offset).shape();
}

Bytes decode_pnm(ByteView file, const std::string& path, std::uint64_t offset) {
  return PnmReader(file, path, offset).pixels();
}

}  // namespace tern::data

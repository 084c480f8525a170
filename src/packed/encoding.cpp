#include "packed/encoding.hpp"

#include <algorithm>
#include <bit>
#include <optional>

#include "packed/rans.hpp"

namespace tern::packed {
namespace {

int bits_for(int levels) { return std::max(1, static_cast<int>(std::bit_width(static_cast<unsigned>(levels - 1)))); }

std::optional<int> zero_index(const CodeBook& book) {
  const int lo = book.lo;
  if (lo > 0 || -lo % book.stride != 0 || -lo / book.stride >= book.levels) return std::nullopt;
  return -lo / book.stride;
}

int index_of(const CodeBook& book, std::int8_t code) { return (code - book.lo) / book.stride; }

std::vector<std::byte> encode_rans(const CodeBook& book, std::span<const std::int8_t> codes) {
  std::vector<std::uint8_t> indices;
  indices.reserve(codes.size());
  for (const std::int8_t c : codes) indices.push_back(static_cast<std::uint8_t>(index_of(book, c)));
  return rans::encode(indices, book.levels);
}

class BitWriter {
 public:
  void put(unsigned value, int bits) {
    for (int b = 0; b < bits; ++b) {
      if (used_ % 8 == 0) bytes_.push_back(std::byte{0});
      bytes_.back() |= static_cast<std::byte>((value >> b & 1u) << (used_ % 8));
      ++used_;
    }
  }
  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  unsigned get(int bits) {
    unsigned value = 0;
    for (int b = 0; b < bits; ++b, ++at_) {
      value |= (static_cast<unsigned>(bytes_[at_ / 8]) >> (at_ % 8) & 1u) << b;
    }
    return value;
  }
  std::size_t byte() const { return at_ / 8; }
  bool rest_is_zero() {
    while (at_ < bytes_.size() * 8) {
      if (get(1) != 0) return false;
    }
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

std::size_t bytes_of_bits(std::size_t bits) { return bits / 8 + (bits % 8 != 0); }

std::string expected_size(std::size_t want, std::size_t got) {
  return "expected " + std::to_string(want) + " bytes of codes; got " + std::to_string(got);
}

}  // namespace

std::string name_of(const CodeBook& book) {
  switch (book.encoding) {
    case Encoding::kRaw:
      return "raw";
    case Encoding::kBase3:
      return "base-3";
    case Encoding::kRans:
      return "rans";
    case Encoding::kMasked:
      return "masked " + std::to_string(book.bits) + "-bit";
    case Encoding::kBits:
      break;
  }
  return std::to_string(book.bits) + "-bit";
}

CodeBook choose(std::span<const std::int8_t> codes) {
  CodeBook book;
  if (codes.empty()) return book;
  const auto ends = std::minmax_element(codes.begin(), codes.end());
  const int lo = *ends.first, hi = *ends.second;
  book.lo = static_cast<std::int8_t>(lo);
  const bool even = std::all_of(codes.begin(), codes.end(), [lo](std::int8_t c) { return (c - lo) % 2 == 0; });
  book.stride = even && hi > lo ? 2 : 1;
  book.levels = static_cast<std::uint16_t>((hi - lo) / book.stride + 1);
  book.bits = static_cast<std::uint8_t>(bits_for(book.levels));

  const std::size_t n = codes.size();
  std::size_t best = bytes_of_bits(n * book.bits);
  CodeBook chosen = book;
  if (book.levels == 3 && (n + 4) / 5 < best) {
    chosen.encoding = Encoding::kBase3;
    chosen.bits = 0;
    best = (n + 4) / 5;
  }
  if (book.levels > 2 && zero_index(book)) {
    const auto nonzero = n - static_cast<std::size_t>(std::count(codes.begin(), codes.end(), std::int8_t{0}));
    const int bits = bits_for(book.levels - 1);
    const std::size_t bytes = bytes_of_bits(n + nonzero * static_cast<std::size_t>(bits));
    if (bytes < best) {
      chosen.encoding = Encoding::kMasked;
      chosen.bits = static_cast<std::uint8_t>(bits);
      best = bytes;
    }
  }
  const std::size_t bytes = encode_rans(book, codes).size();
  if (bytes < best && n / rans::kMaxElementsPerByte <= bytes) {
    chosen = book;
    chosen.encoding = Encoding::kRans;
    chosen.bits = 0;
  }
  return chosen;
}

std::vector<std::byte> encode_codes(const CodeBook& book, std::span<const std::int8_t> codes) {
  BitWriter out;
  switch (book.encoding) {
    case Encoding::kRaw:
      break;
    case Encoding::kRans:
      return encode_rans(book, codes);
    case Encoding::kBits:
      for (const std::int8_t c : codes) out.put(static_cast<unsigned>(index_of(book, c)), book.bits);
      break;
    case Encoding::kBase3:
      for (std::size_t i = 0; i < codes.size(); i += 5) {
        unsigned byte = 0, power = 1;
        for (std::size_t j = i; j < std::min(codes.size(), i + 5); ++j, power *= 3) {
          byte += power * static_cast<unsigned>(index_of(book, codes[j]));
        }
        out.put(byte, 8);
      }
      break;
    case Encoding::kMasked: {
      const int zero = *zero_index(book);
      for (const std::int8_t c : codes) out.put(c != 0, 1);
      for (const std::int8_t c : codes) {
        const int index = index_of(book, c);
        if (c != 0) out.put(static_cast<unsigned>(index < zero ? index : index - 1), book.bits);
      }
      break;
    }
  }
  return std::move(out.bytes());
}

std::string check(const CodeBook& book) {
  if (book.levels < 1 || book.levels > 256) return "expected 1 to 256 levels; got " + std::to_string(book.levels);
  if (book.stride < 1) return "expected a stride of at least 1; got 0";
  if (book.lo + (book.levels - 1) * book.stride > 127) return "expected codes up to 127; the highest is larger";
  switch (book.encoding) {
    case Encoding::kBits:
      if (book.bits < 1 || book.bits > 8) return "expected 1 to 8 bits a code; got " + std::to_string(book.bits);
      return "";
    case Encoding::kBase3:
      if (book.levels > 3 || book.bits != 0) return "expected at most 3 levels and 0 bits for base-3 codes";
      return "";
    case Encoding::kRans:
      return book.bits == 0 ? "" : "expected 0 bits for rans codes";
    case Encoding::kMasked:
      if (book.bits < 1 || book.bits > 8 || book.levels < 2 || !zero_index(book)) {
        return "expected 1 to 8 bits, 2 levels and a zero among them for masked codes";
      }
      return "";
    case Encoding::kRaw:
      break;
  }
  return "expected an encoding of codes; got " + std::to_string(static_cast<int>(book.encoding));
}

std::size_t max_elements_per_byte(const CodeBook& book) {
  return book.encoding == Encoding::kRans ? rans::kMaxElementsPerByte : 8;
}

DecodeProblem decode_codes(const CodeBook& book, std::span<const std::byte> bytes, std::size_t n,
                           std::vector<std::int8_t>& codes) {
  const auto code_at = [&](unsigned index) {
    return static_cast<std::int8_t>(book.lo + static_cast<int>(index) * book.stride);
  };
  const auto bad_index = [&](std::size_t at, unsigned index) {
    return DecodeProblem{at,
                         "expected an index below " + std::to_string(book.levels) + "; got " + std::to_string(index)};
  };
  codes.assign(n, 0);
  if (book.encoding == Encoding::kRans) {
    std::vector<std::uint8_t> indices(n);
    const DecodeProblem problem = rans::decode(bytes, book.levels, indices);
    if (problem.what.empty()) std::transform(indices.begin(), indices.end(), codes.begin(), code_at);
    return problem;
  }
  BitReader in(bytes);
  if (book.encoding == Encoding::kBase3) {
    if (bytes.size() != n / 5 + (n % 5 != 0)) return {0, expected_size(n / 5 + (n % 5 != 0), bytes.size())};
    for (std::size_t i = 0; i < n; i += 5) {
      auto byte = static_cast<unsigned>(bytes[i / 5]);
      for (std::size_t j = i; j < std::min(n, i + 5); ++j, byte /= 3) {
        if (byte % 3 >= book.levels) return bad_index(i / 5, byte % 3);
        codes[j] = code_at(byte % 3);
      }
      if (byte != 0) return {i / 5, "expected nothing beyond the last base-3 digit; got " + std::to_string(byte)};
    }
    return {};
  }
  std::size_t bits = n * book.bits;
  if (book.encoding == Encoding::kMasked) {
    if (bytes.size() < bytes_of_bits(n)) return {0, expected_size(bytes_of_bits(n), bytes.size()) + " (mask)"};
    std::size_t nonzero = 0;
    for (std::size_t i = 0; i < n; ++i) {
      codes[i] = static_cast<std::int8_t>(in.get(1));
      nonzero += static_cast<std::size_t>(codes[i]);
    }
    bits = n + nonzero * book.bits;
  }
  if (bytes.size() != bytes_of_bits(bits)) return {0, expected_size(bytes_of_bits(bits), bytes.size())};
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t at = in.byte();
    if (book.encoding == Encoding::kMasked && codes[i] == 0) continue;
    unsigned index = in.get(book.bits);
    if (book.encoding == Encoding::kMasked && static_cast<int>(index) >= *zero_index(book)) ++index;
    if (index >= book.levels) return bad_index(at, index);
    codes[i] = code_at(index);
  }
  if (!in.rest_is_zero()) return {bytes.size() - 1, "expected the unused bits of the last byte to be 0"};
  return {};
}

}  // namespace tern::packed

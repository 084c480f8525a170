// How small integer codes become few bits, and back. One function a direction; the choice is by size alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tern::packed {

enum class Encoding : std::uint8_t {
  kRaw = 0,     ///< f32 and i32: 4 bytes each, little-endian
  kBits = 1,    ///< index in `bits` bits, lowest bits first, 1 to 8 bits
  kBase3 = 2,   ///< five indices 0..2 a byte: i0 + 3 i1 + 9 i2 + 27 i3 + 81 i4
  kMasked = 3,  ///< one bit each: is it nonzero? then the nonzero ones in `bits` bits, zero left out of the numbering
  kRans = 4,    ///< indices by their frequency in the blob, rans.hpp
};

/// A code is lo + stride * index with index < levels.
struct CodeBook {
  Encoding encoding = Encoding::kBits;
  std::int8_t lo = 0;
  std::uint8_t stride = 1;
  std::uint16_t levels = 1;  ///< 1 .. 256
  std::uint8_t bits = 1;     ///< of an index; unused (0) by base-3 and rans
};

/// "2-bit", "base-3", "masked 1-bit", "rans".
std::string name_of(const CodeBook& book);

/// The smallest encoding of these codes; on equal size kBits before kBase3 before kMasked before kRans.
CodeBook choose(std::span<const std::int8_t> codes);
std::vector<std::byte> encode_codes(const CodeBook& book, std::span<const std::int8_t> codes);

/// Why a section cannot be decoded.
struct DecodeProblem {
  std::size_t offset = 0;  ///< within the section
  std::string what;        ///< empty: none
};
/// Whether the numbers of a code book make sense; "" or what is wrong.
std::string check(const CodeBook& book);
/// How many elements a byte of the section may stand for at most. A reader compares before it allocates.
std::size_t max_elements_per_byte(const CodeBook& book);
/// Decodes `n` codes; the section must be exactly as long as they need and its unused bits 0. `book` has been checked
/// and n is at most max_elements_per_byte() * bytes.size(), which bounds the allocation.
DecodeProblem decode_codes(const CodeBook& book, std::span<const std::byte> bytes, std::size_t n,
                           std::vector<std::int8_t>& codes);

}  // namespace tern::packed

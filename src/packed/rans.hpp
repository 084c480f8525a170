// Entropy coding of small indices: range asymmetric numeral systems (rANS) with fixed frequencies. An index with
// frequency f out of 4096 costs log2(4096 / f) bits, fractions of a bit included.
//
// A number x holds the message. To add index s with frequency f and c = the sum of the frequencies below it,
//   x' = 4096 * floor(x / f) + c + x mod f,
// and to take it off again: r = x' mod 4096, s is the index with c <= r < c + f, x = f * floor(x' / 4096) + r - c.
// Taking off is the exact inverse, so the last index added comes off first, and the encoder goes backwards through its
// input. Bytes leave at the low end of x whenever it would outgrow 32 bits, and come back when it falls below 2^23.
// Paper: Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of
// arithmetic coding", 2013, section 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "packed/encoding.hpp"

namespace tern::packed::rans {

inline constexpr std::uint32_t kTotal = 1u << 12;  ///< sum of the frequencies
inline constexpr std::uint32_t kLow = 1u << 23;    ///< x stays in kLow <= x < 256 kLow; the encoder starts with kLow
/// A section may stand for this many elements a byte, which bounds what a decoder allocates.
inline constexpr std::size_t kMaxElementsPerByte = 64;

/// Frequencies near kTotal * counts[i] / n, at least 1 where counts[i] > 0, that sum up to kTotal. Integers only, so
/// the same everywhere. At most 256 counts, not all 0.
std::vector<std::uint32_t> frequencies(std::span<const std::size_t> counts);

/// Section: `levels` frequencies in 2 bytes each, x in 4 bytes, the bytes that come back; all little-endian, in the
/// order in which a decoder wants them.
std::vector<std::byte> encode(std::span<const std::uint8_t> indices, std::size_t levels);

/// The inverse, of a section that may be anything. `indices` says how many there are.
DecodeProblem decode(std::span<const std::byte> bytes, std::size_t levels, std::span<std::uint8_t> indices);

}  // namespace tern::packed::rans

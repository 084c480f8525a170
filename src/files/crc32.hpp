// CRC-32 as in Ethernet, gzip and PNG: polynomial 0x04C11DB7 reflected, initial value and final xor all ones. Any
// change of one bit, of an odd number of bits, or of one run of up to 32 bits changes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tern {

std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace tern

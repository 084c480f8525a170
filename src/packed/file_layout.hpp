// Constants of the packed model file, shared by its writer and its reader; docs/file-format.md is the description.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tern::packed {

/// The first byte is no ASCII, the line ends and ^Z show damage by text-mode copies.
inline constexpr std::array<unsigned char, 8> kMagic = {0x89, 'T', 'E', 'R', 'N', '\r', '\n', 0x1A};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 48, kTrailerBytes = 4, kAlign = 8;

inline constexpr std::size_t kMaxSections = 1'000'000;
inline constexpr std::size_t kMaxNameBytes = 1024;
inline constexpr std::size_t kMaxMetaBytes = std::size_t{1} << 20;
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 32;

/// The bytes of a model file; of any other file no more than decode() needs to refuse it. Errors: those of
/// read_file_with_magic().
std::vector<std::byte> read_bytes(const std::string& path);

enum class SectionKind : std::uint8_t { kGraph = 1, kMeta = 2, kBlob = 3 };

}  // namespace tern::packed

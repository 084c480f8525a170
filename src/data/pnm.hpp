// PNM images, the six kinds of PBM, PGM and PPM: plain (P1, P2, P3) and raw (P4, P5, P6), of 1, 8 or 16 bits.
#pragma once

#include <string>

#include "files/bytes.hpp"
#include "tern/data.hpp"

namespace tern::data {

bool is_pnm(ByteView file);

/// Reads the header only, and that there are bytes enough behind it. `offset`: where the file begins in `path`, for
/// messages. Errors: FormatError.
ImageShape pnm_header(ByteView file, const std::string& path, std::uint64_t offset);

/// Rows of interleaved samples, brought to 0 .. 255: round(255 * v / maxval). Errors: FormatError, also for a sample
/// over maxval.
Bytes decode_pnm(ByteView file, const std::string& path, std::uint64_t offset);

}  // namespace tern::data

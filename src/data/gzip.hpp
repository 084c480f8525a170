// Gzip, unpacked no further than the caller asks: a small file cannot claim a large memory.
#pragma once

#include "data/bytes.hpp"

namespace tern::data {

bool is_gzip(ByteView bytes);

/// Unpacks the first `n` bytes of the content, fewer if it ends before; checks nothing behind them.
/// Errors: FormatError on damaged or truncated data.
Bytes gunzip_prefix(ByteView bytes, std::size_t n, const std::string& path);

/// Unpacks content that must be exactly `size` bytes, its checksum right, and nothing after it.
/// Errors: FormatError; memory grows with what is really unpacked, not with `size`.
Bytes gunzip_exact(ByteView bytes, std::size_t size, const std::string& path);

/// The same for plain deflate data without a wrapper, and so without a checksum.
Bytes inflate_exact(ByteView bytes, std::size_t size, const std::string& path);

}  // namespace tern::data

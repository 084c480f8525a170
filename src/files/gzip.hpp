// Gzip, unpacked no further than the caller asks: a small file cannot claim a large memory.
#pragma once

#include <algorithm>

#include "files/bytes.hpp"

namespace tern {

bool is_gzip(ByteView bytes);

/// What `packed` bytes may unpack to: no real data shrink to a hundredth of their size but short ones.
constexpr std::uint64_t most_unpacked(std::uint64_t packed) {
  return std::max<std::uint64_t>(100 * packed, std::uint64_t{16} << 20);
}

/// Unpacks the first `n` bytes of the content, fewer if it ends before; checks nothing behind them.
/// Errors: FormatError on damaged or truncated data.
Bytes gunzip_prefix(ByteView bytes, std::size_t n, const std::string& path);

/// Unpacks content that must be exactly `size` bytes, at most most_unpacked(), its checksum right, and nothing after
/// it; gives what follows its first `skip` bytes. Errors: FormatError.
Bytes gunzip_exact(ByteView bytes, std::size_t size, const std::string& path, std::size_t skip = 0);

/// The same for plain deflate data without a wrapper, and so without a checksum.
Bytes inflate_exact(ByteView bytes, std::size_t size, const std::string& path);

}  // namespace tern

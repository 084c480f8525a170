// zlib's deflate for seeds.
#pragma once

#include <zlib.h>

#include "files/bytes.hpp"

namespace tern::fuzz {

/// `window`: zlib's window bits; 15 + 16 makes gzip.
inline Bytes deflated(ByteView content, int window) {
  z_stream s{};
  deflateInit2(&s, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&s, content.size()) + 64);
  s.next_in = const_cast<Bytef*>(content.data());
  s.avail_in = static_cast<uInt>(content.size());
  s.next_out = out.data();
  s.avail_out = static_cast<uInt>(out.size());
  deflate(&s, Z_FINISH);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

}  // namespace tern::fuzz

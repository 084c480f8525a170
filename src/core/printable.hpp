// Text from files in messages: one line, of bounded length.
#pragma once

#include <string>
#include <string_view>

#include "core/utf8.hpp"

namespace tern {

inline constexpr std::size_t kMaxPathShown = 4096;  ///< bytes of a path, which may go on with the name of a member

/// `text` with control characters, and all that is not ASCII unless it is UTF-8, as \xNN, and "..." in the place of
/// what follows the first `limit` bytes.
inline std::string printable(std::string_view text, std::size_t limit = 100) {
  constexpr char kDigits[] = "0123456789abcdef";
  const bool utf8 = is_utf8(text);
  std::string out;
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 0x20 && byte < 0x7f) || (byte >= 0x80 && utf8))
      out += c;
    else
      out += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
  }
  return text.size() > limit ? out + "..." : out;
}

}  // namespace tern

// Whether text from outside is UTF-8, as TOML and JSON want it.
#pragma once

#include <cstddef>
#include <string_view>

namespace tern {

/// How much of `text`, from its beginning, is UTF-8 as of RFC 3629: no bytes out of place, no overlong forms, no
/// surrogates, nothing above U+10FFFF.
inline std::size_t utf8_prefix(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned first = byte(i), second = byte(i + 1);
    const std::size_t n = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    if (n == 0) return i;
    for (std::size_t k = 1; k < n; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return i;
    }
    if ((first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90)) return i;  // overlong
    if ((first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f)) return i;  // surrogates; too large
    i += n;
  }
  return i;
}

inline bool is_utf8(std::string_view text) { return utf8_prefix(text) == text.size(); }

}  // namespace tern

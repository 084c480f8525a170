// Numbers as the shortest texts that read back as the same numbers.
#pragma once

#include <charconv>
#include <concepts>
#include <string>

#include "core/names.hpp"

namespace tern {

template <std::floating_point T>
std::string number_text(T v) {
  char buffer[32];
  const auto r = std::to_chars(buffer, buffer + sizeof buffer, v);
  return {buffer, r.ptr};
}

/// Joined by ','.
template <class Range>
std::string number_texts(const Range& values) {
  return join(values, ",", [](auto v) { return number_text(v); });
}

}  // namespace tern

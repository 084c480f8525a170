// Names in messages: lists of them, and what was meant by one that is unknown.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace tern {

/// The items with `between` between them. `text` turns an item into what is written: its name for one.
template <class Range, class Text>
std::string join(const Range& items, std::string_view between, Text text) {
  std::string out;
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += between;
    out += text(item);
    first = false;
  }
  return out;
}
template <class Range>
std::string join(const Range& items, std::string_view between = ", ") {
  return join(items, between, [](std::string_view item) { return item; });
}

/// The one of `known` that `word` is a misspelling or a beginning of, or "". Dashes in front do not count.
std::string nearest_name(std::string_view word, const std::vector<std::string>& known);

/// unknown WHAT "WORD"; did you mean "NAME"? known: NAME, NAME
std::string unknown_name(std::string_view what, std::string_view word, const std::vector<std::string>& known);

/// The same for lists whose items are turned into names by `text`.
template <class Range, class Text>
std::string unknown_name(std::string_view what, std::string_view word, const Range& known, Text text) {
  std::vector<std::string> names;
  for (const auto& item : known) names.emplace_back(text(item));
  return unknown_name(what, word, names);
}

}  // namespace tern

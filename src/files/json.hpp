// JSON from files that anybody may have written: values of bounded size and depth.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace tern {

/// A discarded value, whose every access throws, if `text` is longer than 4 MiB, nests deeper than 32, or is not JSON.
/// A parsed value takes up to sixteen times the memory of its text.
template <class Json>
Json parse_json(std::string_view text) {
  constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
  constexpr int kMaxDepth = 32;
  struct TooDeep {};
  const auto watch = [](int depth, typename Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) throw TooDeep();
    return true;
  };
  if (text.size() > kMaxBytes) return Json(Json::value_t::discarded);
  try {
    return Json::parse(text.begin(), text.end(), watch, false);
  } catch (const TooDeep&) {
    return Json(Json::value_t::discarded);
  }
}

/// Calls f(value, number) for each line, from 1; what follows the last line's end is a line if it is not empty.
template <class Json, class F>
void for_each_json_line(std::string_view text, F&& f) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    f(parse_json<Json>(text.substr(0, end)), number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace tern

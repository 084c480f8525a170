// Tables of options: what a range means, and specs completed and checked by a table.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/names.hpp"
#include "core/printable.hpp"
#include "tern/error.hpp"
#include "tern/spec.hpp"

namespace tern {
namespace {

std::vector<std::string_view> split(std::string_view text, char between) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t end = text.find(between);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

template <class T>
std::optional<T> parsed(std::string_view text) {
  T value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// [lo, hi] of numbers, lo..hi of integers.
struct Interval {
  double lo, hi;
  bool open_lo = false, open_hi = false, integers = false;

  bool holds(std::string_view text) const {
    const auto x = integers ? std::optional<double>(parsed<int>(text)) : parsed<double>(text);
    return x && std::isfinite(*x) && (open_lo ? *x > lo : *x >= lo) && (open_hi ? *x < hi : *x <= hi);
  }
};

bool is_open(char bracket) { return bracket == '(' || bracket == ')'; }

std::optional<Interval> interval(std::string_view text) {
  if (const std::size_t dots = text.find(".."); dots != std::string_view::npos) {
    const auto lo = parsed<int>(text.substr(0, dots)), hi = parsed<int>(text.substr(dots + 2));
    if (!lo || !hi || *lo > *hi) return std::nullopt;
    return Interval{.lo = static_cast<double>(*lo), .hi = static_cast<double>(*hi), .integers = true};
  }
  const std::size_t comma = text.find(", ");
  if (comma == std::string_view::npos || (text.back() != ']' && text.back() != ')')) return std::nullopt;
  const auto lo = parsed<double>(text.substr(1, comma - 1)),
             hi = parsed<double>(text.substr(comma + 2, text.size() - comma - 3));
  if (!lo || !hi || !(*lo < *hi)) return std::nullopt;
  return Interval{*lo, *hi, is_open(text.front()), is_open(text.back())};
}

bool is_word(std::string_view alternative) {
  return alternative.find_first_of("[(;") == std::string_view::npos && alternative.find("..") == std::string_view::npos;
}

// The intervals of an alternative that is not a word; nothing if it is not written as one.
struct Intervals {
  std::vector<Interval> each;
  bool any_count = false;
};
std::optional<Intervals> intervals(std::string_view alternative) {
  Intervals out;
  for (const std::string_view part : split(alternative, ';')) {
    if (out.any_count) return std::nullopt;
    if (part == "..." && out.each.size() == 1) {
      out.any_count = true;
    } else if (const auto i = interval(part)) {
      out.each.push_back(*i);
    } else {
      return std::nullopt;
    }
  }
  return out;
}

bool fits(std::string_view range, std::string_view text) {
  if (range == "0|1" && (text == "false" || text == "true")) return true;
  for (const std::string_view alternative : split(range, '|')) {
    if (is_word(alternative)) {
      if (alternative == text) return true;
      continue;
    }
    const Intervals in = *intervals(alternative);
    const std::vector<std::string_view> numbers = split(text, ';');
    if (!in.any_count && numbers.size() != in.each.size()) continue;
    bool good = true;
    for (std::size_t i = 0; i < numbers.size(); ++i) good = good && in.each[in.any_count ? 0 : i].holds(numbers[i]);
    if (good) return true;
  }
  return false;
}

std::vector<std::string> words_of(std::string_view range) {
  std::vector<std::string> out;
  for (const std::string_view alternative : split(range, '|')) {
    if (is_word(alternative)) out.emplace_back(alternative);
  }
  return out;
}

// t in [0, 1), init=twn|one
std::string legal(const SpecOption& o) {
  const bool one_interval = o.range.find('|') == std::string::npos && !is_word(o.range);
  return o.name + (one_interval ? " in " : "=") + o.range;
}

const SpecOption* find(const OptionTable& table, std::string_view name) {
  const auto it = std::find_if(table.begin(), table.end(), [&](const SpecOption& o) { return o.name == name; });
  return it == table.end() ? nullptr : &*it;
}

std::vector<std::string> names_of(const OptionTable& table) {
  std::vector<std::string> out;
  for (const SpecOption& o : table) out.push_back(o.name);
  return out;
}

std::vector<std::pair<std::string, std::string>> conditions(const SpecOption& o) {
  if (o.when.empty()) return {};
  return Spec::parse("when:" + o.when).options;
}

bool among(std::string_view value, std::string_view alternatives) {
  const auto all = split(alternatives, '|');
  return std::find(all.begin(), all.end(), value) != all.end();
}

std::string value_of(const Spec& given, const Spec& above, const SpecOption& o) {
  const std::string at = "[" + given.key + "] ";
  if (!given.has(o.name)) {
    if (o.fallback.empty()) throw ValueError(at + "expected the option " + legal(o) + "; it is missing");
    return o.fallback[0] == '=' ? above.text(o.shown_default()) : o.fallback;
  }
  std::string text = given.text(o.name);
  if (fits(o.range, text)) return text;
  const std::string meant = text.size() > 1 ? nearest_name(text, words_of(o.range)) : "";
  throw ValueError(at + "expected " + legal(o) + (o.fallback.empty() ? "" : " (default " + o.shown_default() + ")") +
                   "; got \"" + printable(text) + "\"" + (meant.empty() ? "" : "; did you mean \"" + meant + "\"?"));
}

}  // namespace

void check_options(const std::string& key, const OptionTable& table) {
  for (auto o = table.begin(); o != table.end(); ++o) {
    const auto expect = [&](bool good, const std::string& what) {
      if (!good) throw ValueError("[" + key + "] option \"" + o->name + "\": expected " + what);
    };
    expect(!o->name.empty() && o->name.find_first_of(" ,=:|") == std::string::npos, "a name that a spec can write");
    expect(std::none_of(table.begin(), o, [&](const SpecOption& above) { return above.name == o->name; }),
           "its name once");
    for (const std::string_view alternative : split(o->range, '|')) {
      expect(is_word(alternative) ? !alternative.empty() : intervals(alternative).has_value(),
             "a range as tern/spec.hpp has it; got \"" + o->range + "\"");
    }
    const bool follows = o->fallback.starts_with('=');
    expect(o->fallback.empty() || follows || fits(o->range, o->fallback),
           "a default in " + o->range + "; got \"" + o->fallback + "\"");
    expect(!follows || std::any_of(table.begin(), o,
                                   [&](const SpecOption& above) {
                                     return above.name == o->shown_default() && above.range == o->range;
                                   }),
           "a default that is an option above with the same range; got \"" + o->fallback + "\"");
    for (const auto& [name, values] : conditions(*o)) {
      const SpecOption* other = find(table, name);
      expect(
          other && std::ranges::all_of(split(values, '|'), [&](std::string_view v) { return fits(other->range, v); }),
          "a condition on options of the same table; got \"" + o->when + "\"");
    }
  }
}

std::string brief(const OptionTable& table) {
  return join(table, ", ", [](const SpecOption& o) {
    std::string out = o.name + "=" + o.shown_default();
    if (o.range == "0|1") return out;
    for (const std::string_view alternative : split(o.range, '|')) {
      if (alternative != o.fallback && o.range.find('|') != std::string::npos) out += "|" + std::string(alternative);
    }
    return out;
  });
}

Spec Spec::completed(const OptionTable& table) const {
  for (const auto& [name, value] : options) {
    if (find(table, name)) continue;
    const std::string meant = nearest_name(name, names_of(table));
    throw ValueError("[" + key + "] unknown option \"" + printable(name) + "\"; " +
                     (meant.empty() ? "" : "did you mean \"" + meant + "\"? ") +
                     "known: " + (table.empty() ? "none" : brief(table)));
  }
  Spec out{key, {}};
  for (const SpecOption& o : table) out.options.emplace_back(o.name, value_of(*this, out, o));
  for (const SpecOption& o : table) {
    if (!has(o.name)) continue;
    for (const auto& [name, values] : conditions(o)) {
      if (among(out.text(name), values)) continue;
      throw ValueError("[" + key + "] \"" + o.name + "\" has no effect with " + name + "=" + out.text(name) +
                       "; it counts with " + name + "=" + values);
    }
  }
  return out;
}

}  // namespace tern

// A struct of settings to and from TOML and text. The struct comes with a function
//   visit(config, f)   that calls f("section", "name", "help", config.name) for every field, sections together;
// fields are std::string, std::int64_t, double or bool.
#pragma once

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string>
#include <vector>

#include "core/names.hpp"
#include "core/number_text.hpp"
#include "core/printable.hpp"
#include "core/utf8.hpp"
#include "tern/error.hpp"
#include "tern/train.hpp"

namespace tern::config {

inline std::string type_name(const std::string&) { return "text"; }
inline std::string type_name(std::int64_t) { return "integer"; }
inline std::string type_name(double) { return "number"; }
inline std::string type_name(bool) { return "true or false"; }

inline std::string to_text(const std::string& v) { return v; }
inline std::string to_text(std::int64_t v) { return std::to_string(v); }
inline std::string to_text(double v) { return number_text(v); }
inline std::string to_text(bool v) { return v ? "true" : "false"; }

inline bool from_text(const std::string& text, std::string& out) {
  out = text;
  return true;
}
inline bool from_text(const std::string& text, bool& out) {
  out = text == "true" || text == "1";
  return out || text == "false" || text == "0";
}
template <class T>
bool from_text(const std::string& text, T& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size();
}

inline std::string toml_value(const std::string& v) {
  std::ostringstream s;
  s << toml::value<std::string>(v);
  return s.str();
}
inline std::string toml_value(double v) {
  const std::string s = to_text(v);
  return s.find_first_of(".en") == std::string::npos ? s + ".0" : s;
}
inline std::string toml_value(std::int64_t v) { return to_text(v); }
inline std::string toml_value(bool v) { return to_text(v); }

// A number may be written as an integer, an integer not as a number.
template <class T>
bool from_node(const toml::node& node, T& out) {
  if constexpr (std::is_same_v<T, double>) {
    if (!node.is_number()) return false;
  } else if (!node.is<T>()) {
    return false;
  }
  out = *node.value<T>();
  return true;
}

[[noreturn]] inline void bad(const std::string& path, const toml::source_position& at, const std::string& why) {
  throw FormatError("[config] " + path + ", line " + std::to_string(at.line) + ": " + why);
}

// Two things that the parser must not see where a key can stand, which is outside of strings and comments. It makes a
// table of each part of a dotted key, and takes and frees them by recursion: dots are counted. And toml++ 3.3 looks
// other letters than ASCII's up in tables beyond their ends; a bare key has none.
inline void check_keys(const std::string& text, const std::string& path) {
  constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  constexpr int kMaxDots = 8;
  if (text.size() > kMaxBytes) {
    throw FormatError("[config] " + path + ": expected at most " + std::to_string(kMaxBytes) + " bytes; got " +
                      std::to_string(text.size()));
  }
  const auto fail_at = [&](std::size_t i, const std::string& why) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i), '\n');
    bad(path, {static_cast<toml::source_index>(line), 1}, why);
  };
  if (const std::size_t good = utf8_prefix(text); good < text.size()) fail_at(good, "expected UTF-8");
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  int dots = 0;
  for (std::size_t i = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::string three(3, c);
      const std::size_t n = text.compare(i, 3, three) == 0 ? 3 : 1;
      const auto ends_at = [&](std::size_t at) { return at < text.size() && text.compare(at, n, three, 0, n) == 0; };
      for (i += n; i < text.size() && !ends_at(i) && (n == 3 || text[i] != '\n'); ++i) {
        if (c == '"' && text[i] == '\\') ++i;
      }
      for (int own = 0; n == 3 && own < 2 && ends_at(i + 1); ++own)
        ++i;  // two quotes of the text before the three that end it
      i += n - 1;
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (std::string_view("\n=,{}[]").find(c) != std::string_view::npos) {
      dots = 0;
    } else if (c == '.' && ++dots > kMaxDots) {
      fail_at(i, "expected keys of at most " + std::to_string(kMaxDots + 1) + " parts");
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      fail_at(i, "expected letters that are not ASCII in quotes or comments only");
    }
  }
}

/// What the text does not say stays as in `config`.
/// Errors: FormatError with path and line on bad TOML, unknown sections or keys, or wrong types; with path over 1 MiB.
template <class Config, class Visit>
Config parse(const std::string& text, const std::string& path, Visit visit, Config config = {}) {
  check_keys(text, path);
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& e) {
    bad(path, e.source().begin, printable(e.description(), 200));
  }
  for (const auto& [section_key, node] : table) {
    const std::string section{section_key.str()};
    bool known_section = false;
    std::vector<std::string> sections, names;
    visit(config, [&](const std::string& s, const std::string& name, const char*, auto&) {
      if (sections.empty() || s != sections.back()) sections.push_back(s);
      if (s != section) return;
      known_section = true;
      names.push_back(name);
    });
    if (!node.is_table() || !known_section) bad(path, node.source().begin, unknown_name("section", section, sections));
    for (const auto& entry : *node.as_table()) {
      const std::string key{entry.first.str()};
      const auto& value = entry.second;
      bool known = false, right = false;
      std::string expected;
      visit(config, [&](const std::string& s, const std::string& name, const char*, auto& field) {
        if (s != section || name != key) return;
        known = true;
        right = from_node(value, field);
        expected = type_name(field);
      });
      if (!known) bad(path, value.source().begin, "[" + section + "] " + unknown_name("key", key, names));
      if (!right) bad(path, value.source().begin, "expected " + expected + " for \"" + printable(key) + "\"");
    }
  }
  return config;
}

// TOML is UTF-8; its writer would alter any other text without a word.
inline void check_text(const std::string& name, const std::string& v) {
  if (!is_utf8(v)) throw ValueError("[config] expected UTF-8 for \"" + name + "\"; got \"" + printable(v) + "\"");
}
inline void check_text(const std::string&, std::int64_t) {}
inline void check_text(const std::string&, double) {}
inline void check_text(const std::string&, bool) {}

/// Errors: ValueError naming a setting whose text is not UTF-8.
template <class Config, class Visit>
void check_texts(const Config& config, Visit visit) {
  visit(config,
        [](const std::string&, const std::string& name, const char*, const auto& field) { check_text(name, field); });
}

/// Errors: as check_texts.
template <class Config, class Visit>
std::string toml_of(const Config& config, Visit visit) {
  check_texts(config, visit);
  std::string out, open;
  visit(config, [&](const std::string& section, const std::string& name, const char*, const auto& field) {
    if (open != section) {
      out += (open.empty() ? "[" : "\n[") + section + "]\n";
      open = section;
    }
    out += name + " = " + toml_value(field) + "\n";
  });
  return out;
}

/// Errors: ValueError on an unknown name or text of the wrong type.
template <class Config, class Visit>
void set(Config& config, std::string_view wanted, const std::string& text, Visit visit) {
  std::vector<std::string> names;
  bool found = false;
  visit(config, [&](const std::string&, const std::string& name, const char*, auto& field) {
    names.push_back(name);
    if (wanted != name) return;
    found = true;
    if (!from_text(text, field)) {
      throw ValueError("[config] expected " + type_name(field) + " for \"" + name + "\"; got \"" + printable(text) +
                       "\"");
    }
  });
  if (!found) throw ValueError("[config] " + unknown_name("setting", wanted, names));
}

template <class Config, class Visit>
std::vector<TrainConfig::Field> fields(Visit visit) {
  std::vector<TrainConfig::Field> out;
  const Config defaults;
  visit(defaults, [&](const std::string& section, const std::string& name, const char* help, const auto& field) {
    out.push_back({section, name, type_name(field), to_text(field), help});
  });
  return out;
}

inline void require(bool ok, const char* name, const char* range) {
  if (!ok) throw ValueError("[config] expected " + std::string(name) + " " + range);
}

}  // namespace tern::config

#include "tern/spec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/names.hpp"
#include "core/number_text.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

const std::string* find(const Spec& spec, std::string_view option) {
  for (const auto& [k, v] : spec.options) {
    if (k == option) return &v;
  }
  return nullptr;
}

// The option's text. Errors: ValueError if it is missing.
const std::string& given(const Spec& spec, std::string_view option) {
  if (const std::string* v = find(spec, option)) return *v;
  throw ValueError("[" + spec.key + "] expected the option \"" + std::string(option) + "\"; it is missing");
}

template <class T>
T parse_number(const Spec& spec, std::string_view option, std::string_view text, const char* what) {
  T v{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  bool good = ec == std::errc{} && end == text.data() + text.size();
  if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(v);
  if (!good) {
    throw ValueError("[" + spec.key + "] expected " + what + " for \"" + std::string(option) + "\"; got \"" +
                     std::string(text) + "\"");
  }
  return v;
}

}  // namespace

Spec Spec::parse(std::string_view text) {
  const auto bad = [&](const std::string& why) {
    throw ValueError("[spec] expected KEY or KEY:option=value,...; got \"" + std::string(text) + "\" (" + why + ")");
  };
  if (std::any_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; })) {
    bad("white space");
  }
  Spec spec;
  const std::size_t colon = text.find(':');
  spec.key = text.substr(0, colon);
  if (spec.key.empty()) bad("no key");
  if (colon == std::string_view::npos) return spec;
  std::string_view rest = text.substr(colon + 1);
  while (true) {
    const std::size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0)
      bad("option \"" + std::string(part) + "\" has no name or value");
    std::string name(part.substr(0, equals));
    if (spec.has(name)) bad("option \"" + name + "\" appears twice");
    spec.options.emplace_back(std::move(name), part.substr(equals + 1));
    if (comma == std::string_view::npos) return spec;
    rest.remove_prefix(comma + 1);
  }
}

std::string Spec::str() const {
  std::string out = key;
  for (std::size_t i = 0; i < options.size(); ++i) out += (i ? "," : ":") + options[i].first + "=" + options[i].second;
  return out;
}

Spec Spec::with(std::string option, double value) const {
  Spec out = *this;
  out.options.emplace_back(std::move(option), number_text(value));
  return out;
}

bool Spec::has(std::string_view option) const { return find(*this, option) != nullptr; }

std::string Spec::text(std::string_view option, std::string_view fallback) const {
  const std::string* v = find(*this, option);
  return v ? *v : std::string(fallback);
}

double Spec::number(std::string_view option, double fallback) const {
  const std::string* v = find(*this, option);
  return v ? parse_number<double>(*this, option, *v, "a number") : fallback;
}

int Spec::integer(std::string_view option, int fallback) const {
  const std::string* v = find(*this, option);
  return v ? parse_number<int>(*this, option, *v, "an integer") : fallback;
}

bool Spec::flag(std::string_view option, bool fallback) const {
  const std::string* v = find(*this, option);
  if (!v) return fallback;
  if (*v == "1" || *v == "true") return true;
  if (*v == "0" || *v == "false") return false;
  throw ValueError("[" + key + "] expected 0, 1, false or true for \"" + std::string(option) + "\"; got \"" + *v +
                   "\"");
}

std::string Spec::text(std::string_view option) const { return given(*this, option); }
double Spec::number(std::string_view option) const { return given(*this, option), number(option, 0.0); }
int Spec::integer(std::string_view option) const { return given(*this, option), integer(option, 0); }
bool Spec::flag(std::string_view option) const { return given(*this, option), flag(option, false); }

std::vector<double> Spec::numbers(std::string_view option) const {
  std::vector<double> out;
  std::string_view rest = given(*this, option);
  while (true) {
    const std::size_t semicolon = rest.find(';');
    out.push_back(parse_number<double>(*this, option, rest.substr(0, semicolon), "numbers joined by ';'"));
    if (semicolon == std::string_view::npos) return out;
    rest.remove_prefix(semicolon + 1);
  }
}

void Spec::allow_only(std::initializer_list<std::string_view> known) const {
  for (const auto& [name, value] : options) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw ValueError("[" + key + "] " + unknown_name("option", name, {known.begin(), known.end()}));
  }
}

}  // namespace tern

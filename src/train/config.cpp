// TrainConfig: fields from train_config.def, to and from TOML and text.
#include <charconv>
#include <sstream>
#include <toml++/toml.h>

#include "core/file.hpp"
#include "tern/error.hpp"
#include "tern/train.hpp"
#include "train/freezing.hpp"

namespace tern {
namespace {

std::string type_name(const std::string*) { return "text"; }
std::string type_name(const std::int64_t*) { return "integer"; }
std::string type_name(const double*) { return "number"; }
std::string type_name(const bool*) { return "true or false"; }

std::string to_text(const std::string& v) { return v; }
std::string to_text(std::int64_t v) { return std::to_string(v); }
std::string to_text(double v) {
  char buffer[32];
  const auto r = std::to_chars(buffer, buffer + sizeof buffer, v);
  return {buffer, r.ptr};
}
std::string to_text(bool v) { return v ? "true" : "false"; }

bool from_text(const std::string& text, std::string& out) {
  out = text;
  return true;
}
bool from_text(const std::string& text, bool& out) {
  out = text == "true" || text == "1";
  return out || text == "false" || text == "0";
}
template <class T>
bool from_text(const std::string& text, T& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size();
}

std::string toml_value(const std::string& v) {
  std::ostringstream s;
  s << toml::value<std::string>(v);
  return s.str();
}
std::string toml_value(double v) {
  const std::string s = to_text(v);
  return s.find_first_of(".en") == std::string::npos ? s + ".0" : s;
}
std::string toml_value(std::int64_t v) { return to_text(v); }
std::string toml_value(bool v) { return to_text(v); }

// A number may be written as an integer, an integer not as a number.
bool from_node(const toml::node& node, std::string& out) { return node.value<std::string>() ? (out = *node.value<std::string>(), true) : false; }
bool from_node(const toml::node& node, bool& out) { return node.is_boolean() ? (out = *node.value<bool>(), true) : false; }
bool from_node(const toml::node& node, std::int64_t& out) {
  return node.is_integer() ? (out = *node.value<std::int64_t>(), true) : false;
}
bool from_node(const toml::node& node, double& out) {
  return node.is_number() ? (out = *node.value<double>(), true) : false;
}

[[noreturn]] void bad(const std::string& path, const toml::source_position& at, const std::string& why) {
  throw FormatError("[config] " + path + ", line " + std::to_string(at.line) + ": " + why);
}

}  // namespace

const std::vector<TrainConfig::Field>& TrainConfig::fields() {
  static const std::vector<Field> all = [] {
    const TrainConfig defaults;
    return std::vector<Field>{
#define TERN_CONFIG(type, section, name, fallback, help) \
  {#section, #name, type_name(static_cast<const type*>(nullptr)), to_text(defaults.name), help},
#include "tern/train_config.def"
#undef TERN_CONFIG
    };
  }();
  return all;
}

TrainConfig TrainConfig::load(const std::string& path) { return parse(read_text_file(path, 1 << 20), path); }

TrainConfig TrainConfig::parse(const std::string& text, const std::string& path) {
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& e) {
    bad(path, e.source().begin, std::string(e.description()));
  }
  TrainConfig config;
  for (const auto& [section, node] : table) {
    const std::string name{section.str()};
    std::string known_sections;
    for (const Field& f : fields()) {
      if (known_sections.find(f.section) == std::string::npos) known_sections += (known_sections.empty() ? "" : ", ") + f.section;
    }
    if (!node.is_table() || known_sections.find(name) == std::string::npos) {
      bad(path, node.source().begin, "unknown section \"" + name + "\"; known: " + known_sections);
    }
    for (const auto& [key_node, value] : *node.as_table()) {
      const std::string key{key_node.str()};
      bool known = false, right = false;
      std::string expected, names;
#define TERN_CONFIG(type, section_, name_, fallback, help)                       \
  if (name == #section_) {                                                       \
    names += (names.empty() ? "" : ", ") + std::string(#name_);                  \
    if (key == #name_) {                                                         \
      known = true;                                                              \
      right = from_node(value, config.name_);                                    \
      expected = type_name(static_cast<const type*>(nullptr));                   \
    }                                                                            \
  }
#include "tern/train_config.def"
#undef TERN_CONFIG
      if (!known) bad(path, value.source().begin, "unknown key \"" + key + "\" in [" + name + "]; known: " + names);
      if (!right) bad(path, value.source().begin, "expected " + expected + " for \"" + key + "\"");
    }
  }
  return config;
}

std::string TrainConfig::toml() const {
  std::string out, open;
#define TERN_CONFIG(type, section, name, fallback, help)                  \
  if (open != #section) {                                                 \
    out += (open.empty() ? "[" : "\n[") + std::string(#section) + "]\n";  \
    open = #section;                                                      \
  }                                                                       \
  out += #name " = " + toml_value(name) + "\n";
#include "tern/train_config.def"
#undef TERN_CONFIG
  return out;
}

void TrainConfig::set(std::string_view wanted, const std::string& text) {
  std::string names;
#define TERN_CONFIG(type, section, name, fallback, help)                                                        \
  if (wanted == #name) {                                                                                        \
    if (!from_text(text, name)) {                                                                               \
      throw ValueError("[config] expected " + type_name(static_cast<const type*>(nullptr)) + " for \"" #name    \
                       "\"; got \"" + text + "\"");                                                             \
    }                                                                                                           \
    return;                                                                                                     \
  }                                                                                                             \
  names += (names.empty() ? "" : ", ") + std::string(#name);
#include "tern/train_config.def"
#undef TERN_CONFIG
  throw ValueError("[config] unknown setting \"" + std::string(wanted) + "\"; known: " + names);
}

void TrainConfig::check() const {
  const auto require = [](bool ok, const char* name, const char* range) {
    if (!ok) throw ValueError("[config] expected " + std::string(name) + " " + range);
  };
  require(width >= 0, "width", ">= 0");
  require(validation >= 0 && validation < 1, "validation", "in [0, 1)");
  require(limit_train >= 0 && limit_test >= 0, "limit_train and limit_test", ">= 0");
  require(image_size >= 0 && image_size <= 4096, "image_size", "in [0, 4096]");
  require(workers >= 0 && workers <= 256, "workers", "in [0, 256]");
  require(epochs >= 1, "epochs", ">= 1");
  require(batch >= 1 && eval_batch >= 1, "batch and eval_batch", ">= 1");
  require(momentum >= 0 && momentum < 1, "momentum", "in [0, 1)");
  require(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "beta1 and beta2", "in [0, 1)");
  require(quantizer_lr >= 0, "quantizer_lr", ">= 0");
  require(ema >= 0 && ema < 1, "ema", "in [0, 1)");
  require(guard == "warn" || guard == "stop" || guard == "off", "guard", "warn, stop or off");
  require(weight_decay >= 0, "weight_decay", ">= 0");
  require(clip_norm >= 0, "clip_norm", ">= 0");
  require(label_smoothing >= 0 && label_smoothing < 1, "label_smoothing", "in [0, 1)");
  require(seed >= 0, "seed", ">= 0");
  check_freezing(*this);
  require(eval_every >= 1 && keep_last >= 1 && checkpoint_steps >= 0, "eval_every, keep_last >= 1 and checkpoint_steps", ">= 0");
}

}  // namespace tern

#include "config_options.hpp"

#include <filesystem>

namespace tern::cli {
namespace {

std::string dashed(std::string name) {
  for (char& c : name) c = c == '_' ? '-' : c;
  return name;
}

}  // namespace

void add_config_options(App& verb, const std::vector<TrainConfig::Field>& fields, Overrides& overrides) {
  for (const TrainConfig::Field& f : fields) {
    std::string help = f.help;
    if (!f.fallback.empty()) help += " [" + f.fallback + "]";
    const std::string name = dashed(f.name), group = "[" + f.section + "]";
    if (f.type == "true or false") {
      verb.add_flag_function(
              "--" + name + ",!--no-" + name,
              [&overrides, key = f.name](bool on) { overrides[key] = on ? "true" : "false"; }, help)
          ->take_last()
          ->group(group);
      continue;
    }
    verb.add_option_function(
            "--" + name, [&overrides, key = f.name](const std::string& text) { overrides[key] = text; }, help)
        ->take_last()
        ->group(group)
        ->type_name(f.type == "text"      ? "TEXT"
                    : f.type == "integer" ? "INT"
                                          : "NUM");
  }
}

std::string settings_of(const std::string& run) {
  const std::filesystem::path file = std::filesystem::path(run) / "config.toml";
  std::error_code ec;  // of a name that no file can have, for one
  return std::filesystem::exists(file, ec) ? file.string() : "";
}

}  // namespace tern::cli

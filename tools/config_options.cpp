#include "config_options.hpp"

#include <algorithm>
#include <filesystem>

namespace tern::cli {
namespace {

std::string dashed(std::string name) {
  for (char& c : name) c = c == '_' ? '-' : c;
  return name;
}

// What most command lines name; the help shows it first.
bool is_common(const std::string& name) {
  static const std::vector<std::string> common{"data",  "model",    "weights", "acts", "epochs",
                                               "batch", "schedule", "from",    "seed", "space"};
  return std::find(common.begin(), common.end(), name) != common.end();
}

}  // namespace

void add_config_options(App& verb, const std::vector<TrainConfig::Field>& fields, Overrides& overrides) {
  const auto add = [&](const TrainConfig::Field& f, const std::string& group) {
    std::string help = f.help;
    if (!f.fallback.empty()) help += " [" + f.fallback + "]";
    const std::string name = dashed(f.name);
    if (f.type == "true or false") {
      verb.add_flag_function(
              "--" + name + ",!--no-" + name,
              [&overrides, key = f.name](bool on) { overrides[key] = on ? "true" : "false"; }, help)
          ->take_last()
          ->group(group);
      return;
    }
    verb.add_option_function(
            "--" + name, [&overrides, key = f.name](const std::string& text) { overrides[key] = text; }, help)
        ->take_last()
        ->group(group)
        ->type_name(f.type == "text"      ? "TEXT"
                    : f.type == "integer" ? "INT"
                                          : "NUM");
  };
  for (const TrainConfig::Field& f : fields) {
    if (is_common(f.name)) add(f, "Most used settings");
  }
  for (const TrainConfig::Field& f : fields) {
    if (!is_common(f.name)) add(f, "Section [" + f.section + "]");
  }
}

void take_run_directory(std::string& config, std::string& run, bool resumes) {
  if (config.empty()) return;
  std::error_code ec;
  if (!std::filesystem::exists(config, ec)) throw ValidationError("config", "there is no file \"" + config + "\"");
  if (!std::filesystem::is_directory(config, ec)) return;
  if (!resumes || !run.empty()) {
    throw ValidationError("config", "\"" + config + "\" is a directory; a run is named by --run");
  }
  run.swap(config);
}

std::string settings_of(const std::string& run) {
  const std::filesystem::path file = std::filesystem::path(run) / "config.toml";
  std::error_code ec;  // of a name that no file can have, for one
  return std::filesystem::exists(file, ec) ? file.string() : "";
}

}  // namespace tern::cli

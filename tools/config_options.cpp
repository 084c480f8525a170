#include "config_options.hpp"

namespace tern::cli {
namespace {

std::string flag_of(std::string name) {
  for (char& c : name) c = c == '_' ? '-' : c;
  return "--" + name;
}

}  // namespace

void add_config_options(App& verb, const std::vector<TrainConfig::Field>& fields, Overrides& overrides) {
  for (const TrainConfig::Field& f : fields) {
    std::string help = f.help;
    if (!f.fallback.empty()) help += " [" + f.fallback + "]";
    verb.add_option_function(flag_of(f.name), [&overrides, name = f.name](const std::string& text) { overrides[name] = text; }, help)
        ->take_last()
        ->group("[" + f.section + "]")
        ->type_name(f.type == "text" ? "TEXT" : f.type == "integer" ? "INT" : f.type == "number" ? "NUM" : "BOOL");
  }
}

}  // namespace tern::cli

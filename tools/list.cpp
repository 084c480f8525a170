// tern list: what the registries hold.
#include <fmt/core.h>

#include "console.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/nas.hpp"
#include "tern/nn.hpp"
#include "tern/optim.hpp"
#include "tern/quant.hpp"

namespace tern::cli {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

template <class T>
Rows rows_of(const std::vector<T>& infos) {
  Rows rows;
  for (const auto& i : infos) rows.emplace_back(i.key, i.help);
  return rows;
}

Rows dataset_rows() {
  Rows rows;
  for (const auto& d : datasets()) rows.emplace_back(d.name, d.summary);
  return rows;
}

Rows initializer_rows() {
  Rows rows;
  for (const auto& name : initializers()) rows.emplace_back(name, "");
  return rows;
}

const std::vector<std::pair<std::string, Rows (*)()>>& lists() {
  static const std::vector<std::pair<std::string, Rows (*)()>> all{
      {"models", [] { return rows_of(models()); }},
      {"layers", [] { return rows_of(layers()); }},
      {"weight-quantizers", [] { return rows_of(weight_quantizers()); }},
      {"act-quantizers", [] { return rows_of(act_quantizers()); }},
      {"optimizers", [] { return rows_of(optimizers()); }},
      {"schedules", [] { return rows_of(schedules()); }},
      {"policies", [] { return rows_of(freeze_policies()); }},
      {"phases", [] { return rows_of(FreezeSchedule::names()); }},
      {"initializers", initializer_rows},
      {"datasets", dataset_rows},
      {"spaces", [] { return rows_of(nas::spaces()); }},
      {"candidates", [] { return rows_of(nas::candidates()); }},
  };
  return all;
}

}  // namespace

void add_list(App& app) {
  struct Options {
    Common common;
    std::string what;
  };
  auto o = std::make_shared<Options>();
  App* verb =
      app.add_subcommand("list", "Show what the registries hold: models, layers, quantizers, schedules, data sets");
  std::string names;
  for (const auto& [name, rows] : lists()) names += (names.empty() ? "" : ", ") + name;
  verb->add_option("what", o->what, "One of: " + names + "; default: all. \"quantizers\" means both kinds");
  add_common(*verb, o->common);
  verb->callback([o, names] {
    nlohmann::ordered_json json;
    bool found = false;
    for (const auto& [name, rows] : lists()) {
      const bool quantizers = o->what == "quantizers" && name.ends_with("quantizers");
      if (!o->what.empty() && o->what != name && !quantizers) continue;
      found = true;
      if (!o->common.json) fmt::print("{}\n", name);
      for (const auto& [key, help] : rows()) {
        if (o->common.json)
          json[name].push_back({{"key", key}, {"help", help}});
        else
          fmt::print("  {:<18} {}\n", key, help);
      }
      if (name == "schedules" && !o->common.json) {
        fmt::print("  {:<18} {}\n", "A:for=EPOCHS+B",
                   "one after the other, joined by '+': each but the last says for how many epochs");
      }
    }
    if (!found) throw ValidationError("what", "unknown list \"" + o->what + "\"; known: " + names);
    if (o->common.json) print_json(json);
  });
}

}  // namespace tern::cli

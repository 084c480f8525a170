// tern list: what the registries hold.
#include <fmt/core.h>

#include "console.hpp"
#include "core/names.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/nas.hpp"
#include "tern/nn.hpp"
#include "tern/optim.hpp"
#include "tern/quant.hpp"

namespace tern::cli {
namespace {

using Rows = std::vector<MethodInfo>;

template <class T>
Rows rows_of(const std::vector<T>& infos) {
  Rows rows;
  for (const auto& i : infos) {
    if constexpr (std::is_same_v<T, MethodInfo>)
      rows.push_back(i);
    else
      rows.push_back({{i.key, i.help}});
  }
  return rows;
}

Rows dataset_rows() {
  Rows rows;
  for (const auto& d : datasets()) rows.push_back({{d.name, d.summary}});
  return rows;
}

Rows initializer_rows() {
  Rows rows;
  for (const auto& name : initializers()) rows.push_back({{name, ""}});
  return rows;
}

std::string line(const std::string& key, const std::string& help) {
  return hanging("  " + key, 21, help, output_columns());
}

void print(const MethodInfo& row) {
  print_out("{}", line(row.key, row.help));
  for (const SpecOption& o : row.options.value_or(OptionTable{})) {
    print_out("{}", line("  " + o.name + "=" + o.shown_default(),
                         o.range + ": " + o.help + (o.when.empty() ? "" : " (with " + o.when + ")")));
  }
}

nlohmann::ordered_json json_of(const MethodInfo& row) {
  nlohmann::ordered_json json{{"key", row.key}, {"help", row.help}};
  if (!row.options) return json;
  json["options"] = nlohmann::ordered_json::array();
  for (const SpecOption& o : *row.options) {
    json["options"].push_back({{"name", o.name}, {"default", o.shown_default()}, {"range", o.range}, {"help", o.help}});
    if (!o.when.empty()) json["options"].back()["when"] = o.when;
  }
  return json;
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
  struct ListOptions {
    Common common;
    std::string what;
  };
  auto o = std::make_shared<ListOptions>();
  App* verb =
      app.add_subcommand("list", "Show what the registries hold: models, layers, quantizers, schedules, data sets");
  const std::string names = join(lists(), ", ", [](const auto& list) { return list.first; });
  verb->add_option("what", o->what, "One of: " + names + "; default: all. \"quantizers\" means both kinds");
  verb->examples({"tern list quantizers", "tern list models"});
  add_common(*verb, o->common);
  verb->callback([o] {
    nlohmann::ordered_json json;
    bool found = false;
    for (const auto& [name, rows] : lists()) {
      const bool quantizers = o->what == "quantizers" && name.ends_with("quantizers");
      if (!o->what.empty() && o->what != name && !quantizers) continue;
      found = true;
      if (!o->common.json) print_out("{}\n", name);
      for (const MethodInfo& row : rows()) {
        if (o->common.json)
          json[name].push_back(json_of(row));
        else
          print(row);
      }
      if (name == "schedules" && !o->common.json) {
        print_out("{}", line("A:for=EPOCHS+B",
                             "one after the other, joined by '+': each but the last says for how many epochs"));
      }
    }
    if (!found)
      throw ValidationError("what",
                            unknown_name("list", o->what, lists(), [](const auto& list) { return list.first; }));
    if (o->common.json) print_json(json);
  });
}

}  // namespace tern::cli

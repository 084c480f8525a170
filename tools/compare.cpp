// tern compare: several methods under one recipe, several seeds, one table.
#include "tern/compare.hpp"

#include <fmt/core.h>

#include "tern/error.hpp"
#include "training.hpp"
#include "without_effect.hpp"

namespace tern::cli {
namespace {

struct CompareOptions {
  Common common;
  std::string recipe, directory;
  std::vector<std::string> pairs;
  std::vector<std::int64_t> seeds{1};
  Overrides overrides;
  bool warm_start = false, resume_anyway = false;
};

MethodPair parse_pair(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) {
    throw ValidationError("--pair", "expected WEIGHTS/ACTS, for example twn/ternary; got \"" + text + "\"");
  }
  return {text.substr(0, slash), text.substr(slash + 1)};
}

// Every setting of a training but those that --pair, --seeds and --warm-start are for.
std::vector<TrainConfig::Field> compared_fields() {
  std::vector<TrainConfig::Field> fields = TrainConfig::fields();
  std::erase_if(fields, [](const auto& f) {
    return f.name == "weights" || f.name == "acts" || f.name == "seed" || f.name == "from";
  });
  return fields;
}

void run_compare(const CompareOptions& o) {
  ComparePlan plan;
  if (!o.recipe.empty()) plan.recipe = TrainConfig::load(o.recipe);
  for (const auto& [name, text] : o.overrides) plan.recipe.set(name, text);
  plan.recipe.data_search_path = data_search_path();
  plan.recipe.resume_anyway = o.resume_anyway;
  plan.seeds = o.seeds;
  plan.directory = o.directory;
  plan.warm_start = o.warm_start;
  std::vector<TrainConfig> each;
  for (const std::string& p : o.pairs) {
    plan.pairs.push_back(parse_pair(p));
    each.push_back(plan.recipe);
    each.back().weights = plan.pairs.back().weights;
    each.back().acts = plan.pairs.back().acts;
  }
  refuse_without_effect(each, o.overrides);
  Progress progress(o.common);
  std::string now;
  CompareCallbacks callbacks;
  callbacks.begin = watch_interrupts;
  callbacks.stop = callbacks.interrupted = interrupted;
  callbacks.start = [&](std::size_t run, std::size_t runs, const std::string& name) {
    now = fmt::format("run {}/{}: {}", run + 1, runs, name);
    progress.clear();
    if (!o.common.quiet && !o.common.json && !progress.terminal()) print_err("{}\n", now);
  };
  callbacks.note = [&](const std::string& text) {
    progress.clear();
    if (!o.common.quiet && !o.common.json) print_err("{}\n", text);
  };
  callbacks.step = [&](const StepProgress& p) {
    progress.show(fmt::format("{}  epoch {}/{}  step {}/{}  acc {}  ETA of this run {}", now, p.epoch + 1, p.epochs,
                              p.step, p.steps, percent_text(p.accuracy), duration_text(p.eta_seconds)));
  };
  const CompareTable table = compare(plan, callbacks);
  progress.clear();
  if (table.partial()) print_err("stopped; the same command continues\n");
  if (o.common.json) {
    nlohmann::ordered_json j{{"directory", o.directory}};
    j.update(nlohmann::ordered_json::parse(compare_json(table)));
    print_json(j);
  } else if (!table.rows.empty()) {
    print_out("{}written: {}/table.md, table.json, table.svg\n", compare_markdown(table), o.directory);
  }
  if (table.diverged() > 0) throw Error(fmt::format("{} of {} runs diverged", table.diverged(), table.runs));
}

}  // namespace

void add_compare(App& app) {
  auto o = std::make_shared<CompareOptions>();
  App* verb = app.add_subcommand("compare", "Train several quantizer pairs under one recipe and make one table");
  verb->add_option("RECIPE", o->recipe, "Configuration file (TOML); flags override it")->check(ExistingFile);
  verb->add_option("--run,--out,-o", o->directory, "Directory for runs and tables; what is finished there is kept")
      ->required();
  verb->add_option("--pair", o->pairs, "WEIGHTS/ACTS by quantizer spec, none/none is fp32; repeat for more")
      ->required();
  verb->add_option("--seeds", o->seeds, "Seeds")->delimiter(',')->capture_default_str();
  verb->add_flag("--warm-start", o->warm_start,
                 "Start quantized runs from the fp32 run of the same seed (first pair: none/none)");
  verb->add_flag("--resume-anyway", o->resume_anyway, kResumeAnywayHelp);
  add_common(*verb, o->common);
  add_config_options(*verb, compared_fields(), o->overrides);
  verb->examples({"tern compare tools/recipes/compare-fashion.toml --run runs/cmp --pair none/none --pair twn/ternary",
                  "tern compare --data mnist --epochs 2 --run runs/m --pair none/none --pair lsq/lsq --seeds 1,2,3"});
  verb->callback([o] { run_compare(*o); });
}

}  // namespace tern::cli

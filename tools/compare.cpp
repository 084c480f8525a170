// tern compare: several methods under one recipe, several seeds, one table.
#include "tern/compare.hpp"

#include <fmt/core.h>

#include "console.hpp"
#include "tern/error.hpp"

namespace tern::cli {
namespace {

struct Options {
  Common common;
  std::string recipe, directory;
  std::vector<std::string> pairs;
  std::vector<std::int64_t> seeds{1};
  std::int64_t epochs = 0;
  bool warm_start = false;
};

MethodPair parse_pair(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) {
    throw ValidationError("--pair", "expected WEIGHTS/ACTS, for example twn/ternary; got \"" + text + "\"");
  }
  return {text.substr(0, slash), text.substr(slash + 1)};
}

void run_compare(const Options& o) {
  ComparePlan plan;
  plan.recipe = TrainConfig::load(o.recipe);
  plan.recipe.data_search_path = data_search_path();
  if (o.epochs > 0) plan.recipe.epochs = o.epochs;
  plan.seeds = o.seeds;
  plan.directory = o.directory;
  plan.warm_start = o.warm_start;
  for (const std::string& p : o.pairs) plan.pairs.push_back(parse_pair(p));
  watch_interrupts();
  Progress progress(o.common);
  std::string now;
  CompareCallbacks callbacks;
  callbacks.stop = interrupted;
  callbacks.start = [&](std::size_t run, std::size_t runs, const std::string& name) {
    now = fmt::format("run {}/{}: {}", run + 1, runs, name);
    progress.clear();
    if (!o.common.quiet && !o.common.json && !progress.terminal()) fmt::print(stderr, "{}\n", now);
  };
  callbacks.step = [&](const StepProgress& p) {
    progress.show(fmt::format("{}  epoch {}/{}  step {}/{}  acc {}  ETA of this run {}", now, p.epoch + 1, p.epochs,
                              p.step, p.steps, percent_text(p.accuracy), duration_text(p.eta_seconds)));
  };
  const std::vector<CompareRow> rows = compare(plan, callbacks);
  progress.clear();
  if (interrupted()) fmt::print(stderr, "stopped; the same command continues\n");
  if (o.common.json) {
    print_json({{"directory", o.directory}, {"rows", nlohmann::ordered_json::parse(compare_json(rows))}});
  } else {
    fmt::print("{}written: {}/table.md, table.json, table.svg\n", compare_markdown(rows), o.directory);
  }
}

}  // namespace

void add_compare(App& app) {
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand("compare", "Train several quantizer pairs under one recipe and make one table");
  verb->add_option("RECIPE", o->recipe, "Configuration file (TOML)")->required()->check(ExistingFile);
  verb->add_option("--out", o->directory, "Directory for runs and tables; what is finished there is kept")->required();
  verb->add_option("--pair", o->pairs, "WEIGHTS/ACTS by quantizer spec, none/none is fp32; repeat for more")
      ->required();
  verb->add_option("--seeds", o->seeds, "Seeds")->delimiter(',')->capture_default_str();
  verb->add_flag("--warm-start", o->warm_start,
                 "Start quantized runs from the fp32 run of the same seed (first pair: none/none)");
  verb->add_option("--epochs", o->epochs, "Override the recipe's epochs")->check(PositiveNumber);
  add_common(*verb, o->common);
  verb->callback([o] { run_compare(*o); });
}

}  // namespace tern::cli

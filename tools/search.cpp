// tern search: architecture search from a configuration file, flags that override it, or both.
#include "tern/search.hpp"

#include <fmt/core.h>

#include "run_options.hpp"
#include "tern/error.hpp"
#include "training.hpp"
#include "without_effect.hpp"

namespace tern::cli {
namespace {

struct SearchOptions {
  Common common;
  std::string config, run;
  bool resume = false, resume_anyway = false, again = false;
  bool resumes() const { return resume || resume_anyway; }
  Overrides overrides;
};

// What decides between the operations of a mixture that is there already.
bool is_rule(const std::string& name) {
  return name == "max_weightless" || name == "zero_gamma" || name == "allow_zero";
}

SearchConfig config_of(const SearchOptions& o) {
  SearchConfig config;
  if (o.resumes() && o.again) throw ValidationError("--choose-again", "not together with --resume");
  if (o.resumes() || o.again) {
    if (o.resumes()) refuse_with_resume(o.config, o.overrides);
    constexpr const char* kRules =
        "not with --choose-again, which takes --max-weightless, --zero-gamma and --allow-zero; the search keeps its "
        "other settings";
    if (!o.config.empty()) throw ValidationError("\"" + o.config + "\"", kRules);
    for (const auto& [name, text] : o.overrides) {
      if (!is_rule(name)) throw ValidationError(flag_of(name), kRules);
    }
    const std::string saved = settings_of(o.run);
    if (saved.empty()) throw IoError("[search] \"" + o.run + "\" holds no search to resume");
    if (reads_as<TrainConfig>(saved)) {
      throw Error("[search] \"" + o.run + "\" holds a training run, not a search; continue it with tern train --run " +
                  o.run + " --resume");
    }
    config = SearchConfig::load(saved);
    if (o.resumes()) config.data = data_of_run(config.data, o.run, "set data in " + saved);
    for (const auto& [name, text] : o.overrides) config.set(name, text);
  } else {
    if (!o.config.empty()) config = SearchConfig::load(o.config);
    for (const auto& [name, text] : o.overrides) config.set(name, text);
  }
  refuse_without_effect(config, o.overrides);
  config.data_search_path = data_search_path();
  config.resume_anyway = o.resume_anyway;
  return config;
}

nlohmann::ordered_json genotype_json(const nas::Genotype& g) { return nlohmann::ordered_json::parse(g.json()); }

void run_search(const SearchOptions& o) {
  const SearchConfig config = config_of(o);
  Progress progress(o.common);
  const bool talk = !o.common.quiet && !o.common.json;
  nlohmann::ordered_json forecast;
  SearchCallbacks callbacks;
  report_to(callbacks, progress, o.common);
  callbacks.forecast = [&](const SearchForecast& f) {
    forecast = {
        {"step_seconds", f.step_seconds}, {"seconds", f.seconds}, {"peak_bytes", f.peak_bytes}, {"weights", f.weights}};
    if (!talk) return;
    print_out("network under search: {} weights\nforecast: {:.3f} s a step, {} in all, peak {} of tensors\n", f.weights,
              f.step_seconds, duration_text(f.seconds), bytes_text(static_cast<std::uint64_t>(f.peak_bytes)));
  };
  callbacks.epoch = [&](const SearchEpoch& r) {
    progress.clear();
    if (!talk) return;
    print_out(
        "epoch {}/{}  loss {:.4f}  train {}  search validation {}{}  entropy {:.3f}  weightless {}+{} of 8+8  {}\n",
        r.epoch + 1, r.epochs, r.train_loss, percent_text(r.train_accuracy), percent_text(r.validation.accuracy()),
        r.best ? " (best)" : "", r.entropy, r.weightless_normal, r.weightless_reduce, duration_text(r.seconds));
  };
  const SearchResult result = o.again ? choose_again(config, o.run) : search(config, o.run, o.resumes(), callbacks);
  progress.clear();
  if (o.common.json) {
    nlohmann::ordered_json j{{"run", o.run}, {"finished", result.finished}};
    if (!forecast.is_null()) j["forecast"] = forecast;
    if (result.finished) {
      j["search_validation_accuracy"] = result.best_accuracy;
      j["best"] = genotype_json(result.best);
      j["last"] = genotype_json(result.last.genotype);
    }
    print_json(j);
  } else if (talk && o.again) {
    print_out("{0}/genotype-best.json and {0}/genotype-last.json chosen anew; weightless {1}+{2} of 8+8 in the last\n",
              o.run, result.last.weightless_normal, result.last.weightless_reduce);
  } else if (talk && !result.finished) {
    print_err("stopped; continue with: tern search --run {} --resume\n", o.run);
  } else if (talk) {
    const bool cifar = config.data.starts_with("cifar10");
    print_out("train the result with: tern train {}--genotype {}/genotype-best.json --data {}\n",
              cifar ? "tools/recipes/r2-tas-cpu.toml " : "", o.run, config.data);
  }
}

}  // namespace

void add_search(App& app) {
  auto o = std::make_shared<SearchOptions>();
  App* verb =
      app.add_subcommand("search", "Search for an architecture: settings from a TOML file, from flags, or both");
  verb->add_option("config", o->config, "Configuration file (TOML); flags override it. With --resume also the search");
  verb->add_option("--run", o->run, "Run directory: genotypes, metrics and checkpoints go there");
  verb->examples({"tern search tools/recipes/r1-tas-search-cpu.toml --run runs/search",
                  "tern search --data fashion-mnist-mini --cells 3 --epochs 3 --run runs/small"});
  verb->add_flag("--resume", o->resume, "Continue the search in that directory");
  verb->add_flag("--resume-anyway", o->resume_anyway, kResumeAnywayHelp);
  verb->add_flag(
      "--choose-again", o->again,
      "Choose genotypes anew from the recorded mixtures, by other --max-weightless, --zero-gamma, --allow-zero");
  add_config_options(*verb, SearchConfig::fields(), o->overrides);
  add_common(*verb, o->common);
  verb->callback([o] {
    take_run_directory(o->config, o->run, o->resumes() || o->again);
    if (o->run.empty()) throw ValidationError("--run", "is required");
    run_search(*o);
  });
}

}  // namespace tern::cli

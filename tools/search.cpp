// tern search: architecture search from a configuration file, flags that override it, or both.
#include "tern/search.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "config_options.hpp"
#include "console.hpp"
#include "tern/error.hpp"

namespace tern::cli {
namespace {

struct Options {
  Common common;
  std::string config, run;
  bool resume = false, again = false;
  Overrides overrides;
};

// What decides between the operations of a mixture that is there already.
bool is_rule(const std::string& name) {
  return name == "max_weightless" || name == "zero_gamma" || name == "allow_zero";
}

SearchConfig config_of(const Options& o) {
  SearchConfig config;
  if (o.resume && o.again) throw ValidationError("--choose-again", "not together with --resume");
  if (o.resume || o.again) {
    const bool others = std::any_of(o.overrides.begin(), o.overrides.end(),
                                    [&](const auto& s) { return !o.again || !is_rule(s.first); });
    if (!o.config.empty() || others) {
      throw o.again
          ? ValidationError("--choose-again",
                            "takes max-weightless, zero-gamma and allow-zero; the search keeps its other settings")
          : ValidationError("--resume", "the search keeps the settings of its config.toml; give no others");
    }
    const std::string saved = settings_of(o.run);
    if (saved.empty()) throw IoError("[search] \"" + o.run + "\" holds no search to resume");
    if (reads_as<TrainConfig>(saved)) {
      throw Error("[search] \"" + o.run + "\" holds a training run, not a search; continue it with tern train --run " +
                  o.run + " --resume");
    }
    config = SearchConfig::load(saved);
    for (const auto& [name, text] : o.overrides) config.set(name, text);
  } else {
    if (!o.config.empty()) config = SearchConfig::load(o.config);
    for (const auto& [name, text] : o.overrides) config.set(name, text);
  }
  config.data_search_path = data_search_path();
  return config;
}

nlohmann::ordered_json genotype_json(const nas::Genotype& g) { return nlohmann::ordered_json::parse(g.json()); }

void run_search(const Options& o) {
  const SearchConfig config = config_of(o);
  watch_interrupts();
  Progress progress(o.common);
  const bool talk = !o.common.quiet && !o.common.json;
  nlohmann::ordered_json forecast;
  SearchCallbacks callbacks;
  callbacks.stop = interrupted;
  callbacks.note = [&](const std::string& text) {
    progress.clear();
    if (talk) fmt::print(stderr, "{}\n", text);
  };
  callbacks.forecast = [&](const SearchForecast& f) {
    forecast = {
        {"step_seconds", f.step_seconds}, {"seconds", f.seconds}, {"peak_bytes", f.peak_bytes}, {"weights", f.weights}};
    if (!talk) return;
    fmt::print("network under search: {} weights\nforecast: {:.3f} s a step, {} in all, peak {} of tensors\n",
               f.weights, f.step_seconds, duration_text(f.seconds),
               bytes_text(static_cast<std::uint64_t>(f.peak_bytes)));
    std::fflush(stdout);
  };
  callbacks.step = [&](const StepProgress& p) {
    progress.show(fmt::format("epoch {}/{}  step {}/{}  loss {:.4f}  acc {}  lr {:.3g}  {:.0f} img/s  ETA {}",
                              p.epoch + 1, p.epochs, p.step, p.steps, p.loss, percent_text(p.accuracy), p.lr,
                              p.images_per_second, duration_text(p.eta_seconds)));
  };
  callbacks.epoch = [&](const SearchEpoch& r) {
    progress.clear();
    if (!talk) return;
    fmt::print(
        "epoch {}/{}  loss {:.4f}  train {}  search validation {}{}  entropy {:.3f}  weightless {}+{} of 8+8  {}\n",
        r.epoch + 1, r.epochs, r.train_loss, percent_text(r.train_accuracy), percent_text(r.validation.accuracy()),
        r.best ? " (best)" : "", r.entropy, r.weightless_normal, r.weightless_reduce, duration_text(r.seconds));
    std::fflush(stdout);
  };
  const SearchResult result = o.again ? choose_again(config, o.run) : search(config, o.run, o.resume, callbacks);
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
    fmt::print("{0}/genotype-best.json and {0}/genotype-last.json chosen anew; weightless {1}+{2} of 8+8 in the last\n",
               o.run, result.last.weightless_normal, result.last.weightless_reduce);
  } else if (talk && !result.finished) {
    fmt::print(stderr, "stopped; continue with: tern search --run {} --resume\n", o.run);
  } else if (talk) {
    fmt::print(
        "train the result with: tern train tools/recipes/r2-tas-cpu.toml --genotype {}/genotype-best.json --run DIR\n",
        o.run);
  }
}

}  // namespace

void add_search(App& app) {
  auto o = std::make_shared<Options>();
  App* verb =
      app.add_subcommand("search", "Search for an architecture: settings from a TOML file, from flags, or both");
  verb->add_option("config", o->config, "Configuration file (TOML); flags override it")->check(ExistingFile);
  verb->add_option("--run", o->run, "Run directory: genotypes, metrics and checkpoints go there")->required();
  verb->add_flag("--resume", o->resume, "Continue the search in that directory");
  verb->add_flag(
      "--choose-again", o->again,
      "Choose genotypes anew from the recorded mixtures, by other --max-weightless, --zero-gamma, --allow-zero");
  add_config_options(*verb, SearchConfig::fields(), o->overrides);
  add_common(*verb, o->common);
  verb->callback([o] { run_search(*o); });
}

}  // namespace tern::cli

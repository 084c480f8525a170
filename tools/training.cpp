#include "training.hpp"

#include <fmt/core.h>

#include "run_options.hpp"
#include "tern/error.hpp"
#include "tern/search.hpp"
#include "without_effect.hpp"

namespace tern::cli {
namespace {

std::string accuracy_text(const EpochResult& r) {
  if (!r.evaluated) return "";
  std::string out;
  if (r.has_validation) out += fmt::format("  validation {}", percent_text(r.validation.accuracy()));
  out += fmt::format("  test {}", percent_text(r.test.accuracy()));
  if (r.freeze && r.freeze->relaxed > 0) out += fmt::format(" (relaxed {})", percent_text(r.freeze->test.accuracy()));
  return out;
}

std::string freeze_text(const EpochResult& r) {
  if (!r.freeze) return "";
  return fmt::format("  on grid {}{}", percent_text(r.freeze->fraction), r.freeze->certified ? ", certified" : "");
}

}  // namespace

Option add_training_options(App& app, const std::vector<TrainConfig::Field>& fields, TrainingOptions& o) {
  app.add_option("config", o.config, "Configuration file (TOML); flags override it. With --resume also the run");
  const Option run = app.add_option("--run", o.run, "Run directory: configuration, metrics and checkpoints go there");
  app.add_flag("--resume", o.resume, "Continue the run in that directory");
  app.add_flag("--resume-anyway", o.resume_anyway, kResumeAnywayHelp);
  add_config_options(app, fields, o.overrides);
  add_common(app, o.common);
  return run;
}

TrainConfig configured(const TrainingOptions& o, const TrainConfig& base) {
  if (o.resumes()) {
    refuse_with_resume(o.config, o.overrides);
    const std::string saved = settings_of(o.run);
    if (saved.empty()) throw IoError("[train] \"" + o.run + "\" holds no run to resume");
    if (reads_as<SearchConfig>(saved)) {
      throw Error("[train] \"" + o.run + "\" holds a search; continue it with tern search --run " + o.run +
                  " --resume");
    }
    TrainConfig config = TrainConfig::load(saved);
    config.data = data_of_run(config.data, o.run, "set data in " + saved);
    return config;
  }
  TrainConfig config = o.config.empty() ? base : TrainConfig::load(o.config, base);
  for (const auto& [name, text] : o.overrides) config.set(name, text);
  return config;
}

void report_to(RunCallbacks& callbacks, Progress& progress, const Common& common) {
  callbacks.begin = watch_interrupts;
  callbacks.stop = callbacks.interrupted = interrupted;
  callbacks.note = [&](const std::string& text) {
    progress.clear();
    if (!common.quiet && !common.json) print_err("{}\n", text);
  };
  callbacks.step = [&](const StepProgress& p) {
    progress.show(fmt::format("epoch {}/{}  step {}/{}  loss {:.4f}  acc {}  lr {:.3g}  {:.0f} img/s  ETA {}",
                              p.epoch + 1, p.epochs, p.step, p.steps, p.loss, percent_text(p.accuracy), p.lr,
                              p.images_per_second, duration_text(p.eta_seconds)));
  };
}

void run_training(const TrainConfig& config, const TrainingOptions& o, const std::string& verb) {
  TrainConfig located = config;
  located.data_search_path = data_search_path();
  located.resume_anyway = o.resume_anyway;
  Progress progress(o.common);
  const bool talk = !o.common.quiet && !o.common.json;
  TrainCallbacks callbacks;
  report_to(callbacks, progress, o.common);
  callbacks.epoch = [&](const EpochResult& r) {
    progress.clear();
    if (talk) {
      print_out("epoch {}/{}  loss {:.4f}  train {}{}  lr {:.3g}  {:.0f} img/s  {}\n", r.epoch + 1, r.epochs,
                r.train_loss, percent_text(r.train_accuracy), accuracy_text(r) + freeze_text(r), r.lr,
                r.images_per_second, duration_text(r.seconds));
    }
  };
  const TrainResult result = train(located, o.run, o.resumes(), callbacks);
  progress.clear();
  if (o.common.json) {
    nlohmann::ordered_json j{{"run", o.run},
                             {"finished", result.finished},
                             {"epoch", result.last.epoch + 1},
                             {"train_loss", result.last.train_loss},
                             {"train_accuracy", result.last.train_accuracy}};
    if (result.last.has_validation) j["validation_accuracy"] = result.last.validation.accuracy();
    if (result.last.evaluated) j["test_accuracy"] = result.last.test.accuracy();
    if (const auto& f = result.last.freeze) {
      j["certified"] = f->certified;
      j["freeze"] = {{"fraction", f->fraction}, {"relaxed", f->relaxed}, {"weights", f->weights}};
      if (f->validation.images > 0) j["freeze"]["validation_accuracy"] = f->validation.accuracy();
      if (f->test.images > 0) j["freeze"]["test_accuracy"] = f->test.accuracy();
    }
    print_json(j);
  } else if (talk && !result.finished) {
    print_err("stopped; continue with: tern {} --run {} --resume\n", verb, o.run);
  }
}

}  // namespace tern::cli

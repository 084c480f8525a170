// tern train: a training run from a configuration file, flags that override it, or both.
#include <fmt/core.h>

#include "starter.hpp"
#include "training.hpp"
#include "without_effect.hpp"

namespace tern::cli {

void add_train(App& app) {
  auto o = std::make_shared<TrainingOptions>();
  App* verb = app.add_subcommand(
      "train",
      "Train a network: settings from a TOML file, from flags, or both. Without a file, what is not given is "
      "chosen to suit the data set, and said; [] below are the defaults of a file");
  add_training_options(*verb, TrainConfig::fields(), *o);
  verb->examples({"tern train                                         a ternary network for Fashion-MNIST",
                  "tern train --data folder:photos                    for your own images, a folder a class",
                  "tern train tools/recipes/quickstart.toml --run runs/first",
                  "tern train --run runs/first --resume               after Ctrl-C",
                  "tern train --weights none --acts none              the fp32 twin"});
  verb->callback([o] {
    take_run_directory(o->config, o->run, o->resumes());
    if (o->resumes() && o->run.empty()) throw ValidationError("--resume", "needs --run, the directory of the run");
    std::string note;
    const TrainConfig config =
        o->resumes() || !o->config.empty() ? configured(*o, {}) : start_config(o->overrides, note);
    refuse_without_effect(config, o->overrides);
    if (o->run.empty()) {
      o->run = free_run_directory(config);
      note += (note.empty() ? "" : "\n") + ("run directory: " + o->run);
    }
    if (!note.empty() && !o->common.quiet && !o->common.json) print_err("{}\n", note);
    run_training(config, *o, "train");
  });
}

}  // namespace tern::cli

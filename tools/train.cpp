// tern train: a training run from a configuration file, flags that override it, or both.
#include "training.hpp"

namespace tern::cli {

void add_train(App& app) {
  auto o = std::make_shared<TrainingOptions>();
  App* verb = app.add_subcommand("train", "Train a network: settings from a TOML file, from flags, or both");
  add_training_options(*verb, TrainConfig::fields(), *o)->required();
  verb->callback([o] { run_training(configured(*o, {}), *o, "train"); });
}

}  // namespace tern::cli

// TrainConfig: fields from train_config.def, to and from TOML and text.
#include "files/read.hpp"
#include "tern/error.hpp"
#include "tern/train.hpp"
#include "train/config_fields.hpp"
#include "train/freezing.hpp"
#include "train/internal.hpp"

namespace tern {
namespace {

constexpr auto kVisitTrain = [](auto& config, auto&& f) {
#define TERN_CONFIG(type, section, name, fallback, help) f(#section, #name, help, config.name);
#include "tern/train_config.def"
#undef TERN_CONFIG
};

}  // namespace

const std::vector<TrainConfig::Field>& TrainConfig::fields() {
  static const std::vector<Field> all = config::fields<TrainConfig>(kVisitTrain);
  return all;
}

TrainConfig TrainConfig::load(const std::string& path) { return load(path, {}); }
TrainConfig TrainConfig::load(const std::string& path, const TrainConfig& base) {
  return parse(read_text_file(path, 1 << 20), path, base);
}

TrainConfig TrainConfig::parse(const std::string& text, const std::string& path) { return parse(text, path, {}); }
TrainConfig TrainConfig::parse(const std::string& text, const std::string& path, const TrainConfig& base) {
  return config::parse<TrainConfig>(text, path, kVisitTrain, base);
}

std::string TrainConfig::toml() const { return config::toml_of(*this, kVisitTrain); }

void TrainConfig::set(std::string_view wanted, const std::string& text) {
  const std::string before = optimizer;
  config::set(*this, wanted, text, kVisitTrain);
  if (optimizer != before) forget_other_optimizers(*this);
}

void TrainConfig::check() const {
  using config::require;
  config::check_texts(*this, kVisitTrain);
  require(width >= 0, "width", ">= 0");
  require(validation >= 0 && validation < 1, "validation", "in [0, 1)");
  require(limit_train >= 0 && limit_test >= 0, "limit_train and limit_test", ">= 0");
  require(image_size >= 0 && image_size <= 4096, "image_size", "in [0, 4096]");
  require(workers >= 0 && workers <= 256, "workers", "in [0, 256]");
  require(epochs >= 1, "epochs", ">= 1");
  require(batch >= 1 && eval_batch >= 1, "batch and eval_batch", ">= 1");
  require(last_batch >= 0, "last_batch", ">= 0");
  require(momentum >= 0 && momentum < 1, "momentum", "in [0, 1)");
  require(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "beta1 and beta2", "in [0, 1)");
  require(quantizer_lr >= 0, "quantizer_lr", ">= 0");
  require(weight_lr >= 0, "weight_lr", ">= 0");
  require(ema >= 0 && ema < 1, "ema", "in [0, 1)");
  require(guard == "warn" || guard == "stop" || guard == "off", "guard", "warn, stop or off");
  require(weight_decay >= 0, "weight_decay", ">= 0");
  require(drop_path >= 0 && drop_path < 1, "drop_path", "in [0, 1)");
  require(clip_norm >= 0, "clip_norm", ">= 0");
  require(gradient_bits >= 0 && gradient_bits <= 16, "gradient_bits", "in [0, 16]");
  require(label_smoothing >= 0 && label_smoothing < 1, "label_smoothing", "in [0, 1)");
  require(seed >= 0, "seed", ">= 0");
  check_freezing(*this);
  require(eval_every >= 1 && keep_last >= 1 && checkpoint_steps >= 0, "eval_every, keep_last >= 1 and checkpoint_steps",
          ">= 0");
}

}  // namespace tern

// SearchConfig: fields from search_config.def, to and from TOML and text.
#include "files/read.hpp"
#include "tern/search.hpp"
#include "train/config_fields.hpp"

namespace tern {
namespace {

constexpr auto kVisitSearch = [](auto& config, auto&& f) {
#define TERN_CONFIG(type, section, name, fallback, help) f(#section, #name, help, config.name);
#include "tern/search_config.def"
#undef TERN_CONFIG
};

}  // namespace

const std::vector<TrainConfig::Field>& SearchConfig::fields() {
  static const std::vector<TrainConfig::Field> all = config::fields<SearchConfig>(kVisitSearch);
  return all;
}

SearchConfig SearchConfig::load(const std::string& path) { return parse(read_text_file(path, 1 << 20), path); }

SearchConfig SearchConfig::parse(const std::string& text, const std::string& path) {
  return config::parse<SearchConfig>(text, path, kVisitSearch);
}

std::string SearchConfig::toml() const { return config::toml_of(*this, kVisitSearch); }

void SearchConfig::set(std::string_view wanted, const std::string& text) {
  config::set(*this, wanted, text, kVisitSearch);
}

void SearchConfig::check() const {
  using config::require;
  config::check_texts(*this, kVisitSearch);
  require(validation > 0 && validation < 1, "validation", "in (0, 1)");
  require(limit_train >= 0 && eval_limit >= 0, "limit_train and eval_limit", ">= 0");
  require(image_size >= 0 && image_size <= 4096, "image_size", "in [0, 4096]");
  require(workers >= 0 && workers <= 256, "workers", "in [0, 256]");
  require(epochs >= 1, "epochs", ">= 1");
  require(batch >= 1 && eval_batch >= 1, "batch and eval_batch", ">= 1");
  require(order >= 0 && order <= 2, "order", "0, 1 or 2");
  require(paths == "all" || paths == "one", "paths", "all or one");
  require(temperature > 0, "temperature", "> 0");
  require(entropy_weight >= 0 || entropy_weight == -1, "entropy_weight", ">= 0, or -1");
  require(entropy_decay > 0, "entropy_decay", "> 0");
  require(momentum >= 0 && momentum < 1, "momentum", "in [0, 1)");
  require(arch_beta1 >= 0 && arch_beta1 < 1 && arch_beta2 >= 0 && arch_beta2 < 1, "arch_beta1 and arch_beta2",
          "in [0, 1)");
  require(arch_lr >= 0 && weight_decay >= 0 && arch_weight_decay >= 0, "arch_lr, weight_decay and arch_weight_decay",
          ">= 0");
  require(clip_norm >= 0, "clip_norm", ">= 0");
  require(allow_zero == "auto" || allow_zero == "true" || allow_zero == "false", "allow_zero", "auto, true or false");
  require(zero_gamma > 0, "zero_gamma", "> 0");
  require(max_weightless >= -1 && max_weightless <= 8, "max_weightless", "in [-1, 8]");
  require(random >= 0 && random <= 1000, "random", "in [0, 1000]");
  require(max_bytes >= 0 && max_macs >= 0 && limit_weight > 0, "max_bytes, max_macs >= 0 and limit_weight", "> 0");
  require(seed >= 0, "seed", ">= 0");
  require(checkpoint_steps >= 0, "checkpoint_steps", ">= 0");
}

}  // namespace tern

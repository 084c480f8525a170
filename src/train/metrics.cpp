#include "train/metrics.hpp"

#include <nlohmann/json.hpp>

namespace tern {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const EvalResult& r) {
  return {{"accuracy", r.accuracy()}, {"correct", r.correct}, {"images", r.images}, {"loss", r.loss}, {"seconds", r.seconds}};
}

}  // namespace

std::string metrics_line(const EpochResult& r) {
  ordered_json j{{"epoch", r.epoch},
                 {"train_loss", r.train_loss},
                 {"train_accuracy", r.train_accuracy},
                 {"lr", r.lr},
                 {"seconds", r.seconds},
                 {"images_per_second", r.images_per_second},
                 {"peak_mib", r.peak_mib}};
  if (r.has_validation && r.evaluated) j["validation"] = to_json(r.validation);
  if (r.evaluated) j["test"] = to_json(r.test);
  if (r.freeze) {
    ordered_json f{{"fraction", r.freeze->fraction}, {"relaxed", r.freeze->relaxed}, {"weights", r.freeze->weights}};
    if (r.freeze->validation.images > 0) f["validation"] = to_json(r.freeze->validation);
    if (r.freeze->test.images > 0) f["test"] = to_json(r.freeze->test);
    if (r.freeze->relaxed == 0) f["certified"] = r.freeze->certified;
    j["freeze"] = std::move(f);
  }
  for (const LayerHealth& h : r.health) {
    ordered_json layer{{"layer", h.layer}};
    if (!h.shares.empty()) {
      layer["shares"] = h.shares;
      layer["flips"] = h.flips;
    }
    if (!h.act_shares.empty()) {
      layer["act_lo"] = h.act_lo;
      layer["act_shares"] = h.act_shares;
      layer["saturation"] = h.saturation;
    }
    if (h.grad_norm >= 0) layer["grad_norm"] = h.grad_norm;
    for (const auto& [name, value] : h.numbers) layer[name] = value;
    j["health"].push_back(std::move(layer));
  }
  return j.dump() + "\n";
}

}  // namespace tern

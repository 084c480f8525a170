#include "train/freezing.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "files/json.hpp"
#include "tern/error.hpp"
#include "train/checkpoint.hpp"

namespace tern {

void check_freezing(const TrainConfig& config) {
  const auto require = [](bool ok, const std::string& what) {
    if (!ok) throw ValueError("[config] " + what);
  };
  require(config.rescale == "filter" || config.rescale == "layer" || config.rescale == "none",
          "expected rescale filter, layer or none; got \"" + config.rescale + "\"");
  const FreezeSchedule schedule = FreezeSchedule::parse(config.phases);
  if (config.policy == "none") return;
  make_freeze_policy(Spec::parse(config.policy));
  require(config.ema == 0, "a freezing policy does not go with averaged weights: expected ema 0");
  require(!schedule.has_auto() || config.validation > 0,
          "phases with auto runs end by validation accuracy: expected validation > 0");
}

Freezing::Freezing(const TrainConfig& config, Network& network, Optimizer& optimizer)
    : config_(config),
      network_(network),
      schedule_(FreezeSchedule::parse(config.phases)),
      freezer_(network, optimizer, make_freeze_policy(Spec::parse(config.policy)),
               static_cast<std::uint64_t>(config.seed)) {}

std::string Freezing::warning() const {
  const double last = schedule_.phases().back().fraction;
  if (last == 1) return "";
  return fmt::format(
      "warning: the phases end with {:g} % of the weights on the grid, and no certificate; add a phase with fraction 1",
      100 * last);
}

void Freezing::start(const std::function<void(const std::string&)>& note) {
  note("freezing by " + config_.policy + ", " + std::to_string(freezer_.weights()) + " weights, drawn in freeze.svg:");
  for (const std::string& line : schedule_.lines(config_.weight_lr)) note("  " + line);
  if (!warning().empty()) note(warning());
  if (config_.validation == 0)
    note("validation is 0: no images are held out to choose best.safetensors by, only last.safetensors is kept");
  if (config_.rescale == "none") return;
  const RescaleReport r =
      rescale(network_, config_.rescale == "filter" ? RescaleGroups::kFilter : RescaleGroups::kLayer);
  if (r.rows.empty()) {
    note("nothing rescaled: the quantizer finds its levels itself");
    return;
  }
  const auto percent = [](std::int64_t n, std::int64_t of) {
    return 100 * static_cast<double>(n) / static_cast<double>(of);
  };
  note(fmt::format("rescaled {} weights in {} groups in {:.2f} s; {:.1f} % are beyond the outermost levels", r.weights,
                   r.groups, r.seconds, percent(r.beyond, r.weights)));
  for (const RescaleReport::Row& row : r.rows) {
    note(fmt::format("  {}: scale {:.4g} to {:.4g}, error {:.1f} % of the weights' norm, {:.1f} % beyond, {}",
                     row.layer, row.smallest, row.largest, 100 * row.error, percent(row.beyond, row.weights),
                     row.folded_into.empty() ? "kept as the layer's scale" : "folded into " + row.folded_into));
  }
}

void Freezing::begin_epoch(std::int64_t epoch) { freezer_.begin_epoch(epoch, schedule_.at(epoch, ended_)); }

FreezeResult Freezing::describe(std::int64_t epoch) const {
  FreezeResult r;
  r.fraction = schedule_.at(epoch, ended_).fraction;
  r.weights = freezer_.weights();
  r.relaxed = freezer_.relaxed();
  if (r.relaxed > 0 && r.fraction < 1) return r;
  const Certificate c = freezer_.certify();
  r.certified = r.relaxed == 0 && c.holds();
  if (r.certified || r.fraction < 1) return r;
  if (r.relaxed > 0) {
    throw Error("[freeze] " + std::to_string(r.relaxed) + " of " + std::to_string(r.weights) +
                " weights are still relaxed in the phase with fraction 1; the masks were not made by policy " +
                config_.policy);
  }
  if (c.moved > 0) {
    throw Error(
        "[freeze] " + std::to_string(c.moved) + " of " + std::to_string(c.weights) +
        " frozen weights have another code than they were frozen with, because their quantizer's steps train on; " +
        "lower --quantizer-lr. The first: " + c.first);
  }
  throw Error("[freeze] " + std::to_string(c.off) + " of " + std::to_string(c.weights) +
              " frozen weights are not on a level; the first: " + c.first);
}

std::string Freezing::end_epoch(std::int64_t epoch, std::optional<double> validation_accuracy) {
  const FreezeSchedule::At at = schedule_.at(epoch, ended_);
  if (!at.until_stable) return "";
  if (validation_accuracy) metric_.push_back(*validation_accuracy);
  const std::int64_t length = at.epoch_in_run + 1;
  const bool stable = is_stable(metric_);
  if (!stable && length < schedule_.phases()[at.phase].runs[at.run].epochs) return "";
  ended_.push_back(length);
  metric_.clear();
  return fmt::format("phase {:g}: {} after {} epochs", at.fraction,
                     stable ? "validation is stable" : "reached its most epochs", length);
}

std::string Freezing::state() const { return nlohmann::json{{"ended", ended_}, {"metric", metric_}}.dump(); }

void Freezing::restore(const std::vector<NamedTensor>& tensors, const std::string& state, const std::string& path) {
  if (std::any_of(tensors.begin(), tensors.end(), [](const NamedTensor& t) { return t.name.ends_with(".codes"); })) {
    freezer_.keep_codes();
  }
  tern::restore(tensors, freezer_.state(), path);
  const std::string bad = freezer_.bad_mask();
  if (!bad.empty())
    throw FormatError("[checkpoint] " + path + ": tensor \"freeze." + bad + ".relaxed\" holds more than 0 and 1");
  try {
    const nlohmann::json j = parse_json<nlohmann::json>(state);
    ended_ = j.at("ended").get<std::vector<std::int64_t>>();
    metric_ = j.at("metric").get<std::vector<double>>();
  } catch (const nlohmann::json::exception&) {
    throw FormatError("[checkpoint] " + path + ", byte 8, freeze: not the JSON of a freezing schedule's position");
  }
}

}  // namespace tern

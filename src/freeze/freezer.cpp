#include <algorithm>
#include <cmath>
#include <limits>

#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/parallel.hpp"

namespace tern {

std::int64_t relaxed_count(double share, std::int64_t numel) {
  return static_cast<std::int64_t>(std::floor(share * static_cast<double>(numel) + 1e-6));
}

Freezer::Freezer(Network& network, Optimizer& optimizer, std::unique_ptr<FreezePolicy> policy, std::uint64_t seed)
    : network_(network), optimizer_(optimizer), policy_(std::move(policy)), seed_(seed) {
  const std::int64_t n = policy_->partitions_per_epoch();
  if (n < 1 || n > std::numeric_limits<std::int32_t>::max()) {
    throw ValueError("[freeze] expected a policy with 1 to 2147483647 partitions an epoch; got one with " +
                     std::to_string(n));
  }
  const auto& nodes = network_.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Layer& layer = network_.layer(i);
    if (!layer.weight_quantizer()) continue;
    Part part{i, nodes[i].name, layer.weight(), Tensor::full(layer.weight().shape(), 1.0)};
    layer.set_relaxed(part.mask);
    optimizer_.set_mask(part.name + ".weight", part.mask);
    parts_.push_back(std::move(part));
  }
  if (parts_.empty()) {
    throw ValueError(
        "[freeze] expected a network with quantized weights; got none: name the levels, for example "
        "grid:levels=ternary");
  }
}

Freezer::~Freezer() {
  for (const Part& p : parts_) {
    network_.layer(p.node).set_relaxed({});
    optimizer_.set_mask(p.name + ".weight", {});
  }
}

void Freezer::begin_epoch(std::int64_t epoch, const FreezeSchedule::At& at) {
  draw(epoch, 0, at);
  if (at.relaxed == 0 && at.phase_begins) {
    for (const Part& p : parts_) p.latent.copy_from(levels_of(p));
    keep_codes();
  }
}

void Freezer::before_step(std::int64_t epoch, std::int64_t step, std::int64_t steps_per_epoch,
                          const FreezeSchedule::At& at) {
  const std::int64_t n = policy_->partitions_per_epoch();
  if (n == 1 || step == 0 || at.relaxed == 0) return;
  const std::int64_t part = step * n / steps_per_epoch;
  if (part == (step - 1) * n / steps_per_epoch) return;
  FreezeSchedule::At within = at;
  within.phase_begins = false;
  draw(epoch, part, within);
}

void Freezer::draw(std::int64_t epoch, std::int64_t part, const FreezeSchedule::At& at) {
  std::vector<char> drawn(parts_.size(), 0);
  parallel_for(static_cast<std::int64_t>(parts_.size()), [&](std::int64_t i) {
    const Part& p = parts_[static_cast<std::size_t>(i)];
    const PartitionRequest request{p.name, p.latent, at.relaxed, epoch, at.phase_begins, seed_, part};
    drawn[static_cast<std::size_t>(i)] = policy_->partition(request, p.mask.span<float>());
  });
  check_masks(at);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (drawn[i] && policy_->clears_optimizer_state()) optimizer_.clear_state(parts_[i].name + ".weight");
  }
}

std::vector<float> Freezer::reach_of(const Part& part) const {
  const LevelSet* levels = network_.layer(part.node).weight_quantizer()->fixed_levels();
  if (levels == nullptr) {
    throw ValueError("[freeze] layer \"" + part.name +
                     "\": clip=1 needs levels that stay where they are, and its quantizer finds " +
                     "its own; use grid, or leave clip out");
  }
  std::vector<float> reach = codes_of(part, part.latent).scale_pos;
  for (float& r : reach) {
    if (!(r > 0 && std::isfinite(r))) {
      throw ValueError("[freeze] layer \"" + part.name + "\": its levels have a scale of " + std::to_string(r) +
                       "; expected one above 0");
    }
    r *= static_cast<float>(levels->max());
  }
  return reach;
}

void Freezer::after_step() {
  if (!policy_->clips()) return;
  parallel_for(static_cast<std::int64_t>(parts_.size()), [&](std::int64_t n) {
    Part& p = parts_[static_cast<std::size_t>(n)];
    if (p.reach.empty()) p.reach = reach_of(p);  // fixed levels: the scales stay as rescaling left them
    const auto w = p.latent.span<float>(), mask = p.mask.span<float>();
    const std::size_t size = w.size() / p.reach.size();
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (mask[i] != 0.0f) w[i] = std::clamp(w[i], -p.reach[i / size], p.reach[i / size]);
    }
  });
}

std::string Freezer::bad_mask() const {
  for (const Part& p : parts_) {
    const auto mask = p.mask.span<float>();
    if (!std::all_of(mask.begin(), mask.end(), [](float m) { return m == 0.0f || m == 1.0f; })) return p.name;
  }
  return "";
}

void Freezer::check_masks(const FreezeSchedule::At& at) const {
  const std::string bad = bad_mask();
  if (!bad.empty())
    throw ValueError("[freeze] layer \"" + bad + "\": expected a policy that writes 0 and 1 into the mask");
  if (at.relaxed == 0 && relaxed() > 0) {
    throw ValueError("[freeze] expected a policy that freezes all weights in the phase with fraction 1; it left " +
                     std::to_string(relaxed()) + " of " + std::to_string(weights()) + " relaxed");
  }
}

WeightCodes Freezer::codes_of(const Part& part, const Tensor& weights) const {
  return network_.layer(part.node).weight_quantizer()->deploy(weights);
}

Tensor Freezer::levels_of(const Part& part) const {
  const WeightCodes codes = codes_of(part, part.latent);
  const Tensor levels = Tensor::empty(part.latent.shape());
  const auto w = levels.span<float>();
  const std::size_t size = w.size() / std::max<std::size_t>(codes.scale_pos.size(), 1);
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<float>(codes.codes[i]) * (codes.codes[i] > 0 ? codes.scale_pos : codes.scale_neg)[i / size];
  }
  if (codes_of(part, levels).codes != codes.codes) {
    throw ValueError("[freeze] layer \"" + part.name +
                     "\": its quantizer gives weights on its levels other codes, so they cannot " +
                     "be frozen there; use grid, or another quantizer");
  }
  return levels;
}

void Freezer::check_levels() const {
  for (const Part& p : parts_) {
    if (policy_->clips()) reach_of(p);
    const Tensor levels = levels_of(p);
    // What an epoch that begins with the weights there does to the layer; then all is put back.
    Layer& layer = network_.layer(p.node);
    std::vector<Tensor> tensors, before;
    for (const Parameter& t : layer.parameters()) tensors.push_back(t.value);
    for (const NamedTensor& t : layer.buffers()) tensors.push_back(t.value);
    for (const Tensor& t : tensors) before.push_back(t.clone());
    const Tensor latent = p.latent.clone();
    p.latent.copy_from(levels);
    layer.on_epoch_begin(0);
    p.latent.copy_from(latent);
    bool same = true;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      same = same && tensors[i].to_vector() == before[i].to_vector();
      tensors[i].copy_from(before[i]);
    }
    if (!same) {
      throw ValueError("[freeze] layer \"" + p.name +
                       "\": its quantizer derives its levels from the weights every epoch, so they cannot " +
                       "be frozen there; use grid, or another quantizer");
    }
  }
  network_.set_training(network_.training());  // codes that evaluation keeps are void
}

void Freezer::keep_codes() {
  for (Part& p : parts_) {
    p.codes = Tensor::empty(Shape{p.latent.numel()});
    const std::vector<std::int8_t> codes = codes_of(p, p.latent).codes;
    std::copy(codes.begin(), codes.end(), p.codes.span<float>().begin());
  }
}

Certificate Freezer::certify() const {
  Certificate out = tern::certify(network_);
  for (const Part& p : parts_) {
    if (!p.codes.defined()) continue;
    const std::vector<std::int8_t> codes = codes_of(p, p.latent).codes;
    const auto frozen = p.codes.span<float>();
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (static_cast<float>(codes[i]) == frozen[i]) continue;
      if (out.moved++ > 0) continue;
      out.first = p.name + "[" + std::to_string(i) + "]: frozen with code " +
                  std::to_string(static_cast<int>(frozen[i])) + ", now " + std::to_string(codes[i]);
    }
  }
  return out;
}

std::int64_t Freezer::weights() const {
  std::int64_t n = 0;
  for (const Part& p : parts_) n += p.mask.numel();
  return n;
}

std::int64_t Freezer::relaxed() const {
  std::int64_t n = 0;
  for (const Part& p : parts_) {
    const auto mask = p.mask.span<float>();
    n += mask.size() - static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 0.0f));
  }
  return n;
}

std::vector<NamedTensor> Freezer::state() const {
  std::vector<NamedTensor> out;
  for (const Part& p : parts_) {
    out.push_back({p.name + ".relaxed", p.mask});
    if (p.codes.defined()) out.push_back({p.name + ".codes", p.codes});
  }
  return out;
}

}  // namespace tern

#include <algorithm>
#include <cmath>

#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/parallel.hpp"

namespace tern {

std::int64_t relaxed_count(double share, std::int64_t numel) {
  return static_cast<std::int64_t>(std::floor(share * static_cast<double>(numel) + 1e-6));
}

Freezer::Freezer(Network& network, Optimizer& optimizer, std::unique_ptr<FreezePolicy> policy, std::uint64_t seed)
    : network_(network), optimizer_(optimizer), policy_(std::move(policy)), seed_(seed) {
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
    throw ValueError("[freeze] expected a network with quantized weights; got none: name the levels, for example grid:levels=ternary");
  }
}

Freezer::~Freezer() {
  for (const Part& p : parts_) {
    network_.layer(p.node).set_relaxed({});
    optimizer_.set_mask(p.name + ".weight", {});
  }
}

void Freezer::begin_epoch(std::int64_t epoch, const FreezeSchedule::At& at) {
  std::vector<char> drawn(parts_.size(), 0);
  parallel_for(static_cast<std::int64_t>(parts_.size()), [&](std::int64_t i) {
    const Part& p = parts_[static_cast<std::size_t>(i)];
    const PartitionRequest request{p.name, p.latent, at.relaxed, epoch, at.phase_begins, seed_};
    drawn[static_cast<std::size_t>(i)] = policy_->partition(request, p.mask.span<float>());
  });
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (at.relaxed == 0 && at.phase_begins) put_on_levels(parts_[i]);
    if (drawn[i] && policy_->clears_optimizer_state()) optimizer_.clear_state(parts_[i].name + ".weight");
  }
}

void Freezer::put_on_levels(const Part& part) {
  const WeightQuantizer& quantizer = *network_.layer(part.node).weight_quantizer();
  const WeightCodes codes = quantizer.deploy(part.latent);
  const auto w = part.latent.span<float>();
  const std::size_t size = w.size() / std::max<std::size_t>(codes.scale_pos.size(), 1);
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<float>(codes.codes[i]) * (codes.codes[i] > 0 ? codes.scale_pos : codes.scale_neg)[i / size];
  }
  if (quantizer.deploy(part.latent).codes != codes.codes) {
    throw ValueError("[freeze] layer \"" + part.name + "\": its quantizer gives weights on its levels other codes, so they cannot " +
                     "be frozen there; use grid, or another quantizer");
  }
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
  for (const Part& p : parts_) out.push_back({p.name + ".relaxed", p.mask});
  return out;
}

}  // namespace tern

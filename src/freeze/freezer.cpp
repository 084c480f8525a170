// Freezer: one mask a layer, which its layer and the optimizer share.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/tensor_names.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/parallel.hpp"

namespace tern {

std::int64_t relaxed_count(double share, std::int64_t numel) {
  return static_cast<std::int64_t>(std::floor(share * static_cast<double>(numel) + 1e-6));
}

namespace {

// A layer with quantized weights, and which of them are relaxed.
struct Part {
  Layer& layer;
  std::string name;
  Tensor latent, mask;
  Tensor codes{};              // with which they were frozen, [numel]; undefined before
  std::vector<float> reach{};  // the outermost level of each filter, if the policy clips; empty before the first step

  const WeightQuantizer& quantizer() const { return *layer.weight_quantizer(); }
  std::string weight_name() const { return tensor_names::full(name, tensor_names::kWeight); }
  std::vector<std::int8_t> codes_now() const { return quantizer().deploy(latent).codes; }
  // Of every weight, and of every filter. Errors: those of Freezer::check_levels().
  Tensor levels() const;
  std::vector<float> outermost_levels() const;
};

Tensor Part::levels() const {
  const WeightCodes packed = quantizer().deploy(latent);
  const Tensor levels = Tensor::empty(latent.shape());
  const auto w = levels.span<float>();
  const std::size_t size = w.size() / std::max<std::size_t>(packed.scale_pos.size(), 1);
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] = static_cast<float>(packed.codes[i]) * (packed.codes[i] > 0 ? packed.scale_pos : packed.scale_neg)[i / size];
  }
  if (quantizer().deploy(levels).codes != packed.codes) {
    throw ValueError("[freeze] layer \"" + name +
                     "\": its quantizer gives weights on its levels other codes, so they cannot " +
                     "be frozen there; use grid, or another quantizer");
  }
  return levels;
}

std::vector<float> Part::outermost_levels() const {
  const LevelSet* levels = quantizer().fixed_levels();
  if (levels == nullptr) {
    throw ValueError("[freeze] layer \"" + name +
                     "\": clip=1 needs levels that stay where they are, and its quantizer finds " +
                     "its own; use grid, or leave clip out");
  }
  std::vector<float> out = quantizer().deploy(latent).scale_pos;
  for (float& r : out) {
    if (!(r > 0 && std::isfinite(r))) {
      throw ValueError("[freeze] layer \"" + name + "\": its levels have a scale of " + std::to_string(r) +
                       "; expected one above 0");
    }
    r *= static_cast<float>(levels->max());
  }
  return out;
}

}  // namespace

struct Freezer::Impl {
  Network& network;
  Optimizer& optimizer;
  std::unique_ptr<FreezePolicy> policy;
  std::uint64_t seed;
  std::vector<Part> parts{};

  std::int64_t weights() const;
  std::int64_t relaxed() const;
  std::string bad_mask() const;
  void check_masks(const FreezeSchedule::At& at) const;
  void draw(std::int64_t epoch, std::int64_t part, const FreezeSchedule::At& at);
};

std::int64_t Freezer::Impl::weights() const {
  std::int64_t n = 0;
  for (const Part& p : parts) n += p.mask.numel();
  return n;
}

std::int64_t Freezer::Impl::relaxed() const {
  std::int64_t n = 0;
  for (const Part& p : parts) {
    const auto mask = p.mask.span<float>();
    n += mask.size() - static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 0.0f));
  }
  return n;
}

std::string Freezer::Impl::bad_mask() const {
  for (const Part& p : parts) {
    const auto mask = p.mask.span<float>();
    if (!std::all_of(mask.begin(), mask.end(), [](float m) { return m == 0.0f || m == 1.0f; })) return p.name;
  }
  return "";
}

void Freezer::Impl::check_masks(const FreezeSchedule::At& at) const {
  const std::string bad = bad_mask();
  if (!bad.empty())
    throw ValueError("[freeze] layer \"" + bad + "\": expected a policy that writes 0 and 1 into the mask");
  if (at.relaxed == 0 && relaxed() > 0) {
    throw ValueError("[freeze] expected a policy that freezes all weights in the phase with fraction 1; it left " +
                     std::to_string(relaxed()) + " of " + std::to_string(weights()) + " relaxed");
  }
}

void Freezer::Impl::draw(std::int64_t epoch, std::int64_t part, const FreezeSchedule::At& at) {
  std::vector<char> drawn(parts.size(), 0);
  parallel_for(static_cast<std::int64_t>(parts.size()), [&](std::int64_t i) {
    const Part& p = parts[static_cast<std::size_t>(i)];
    const PartitionRequest request{p.name, p.latent, at.relaxed, epoch, at.phase_begins, seed, part};
    drawn[static_cast<std::size_t>(i)] = policy->partition(request, p.mask.span<float>());
  });
  check_masks(at);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (drawn[i] && policy->clears_optimizer_state()) optimizer.clear_state(parts[i].weight_name());
  }
}

Freezer::Freezer(Network& network, Optimizer& optimizer, std::unique_ptr<FreezePolicy> policy, std::uint64_t seed)
    : impl_(new Impl{network, optimizer, std::move(policy), seed}) {
  const std::int64_t n = impl_->policy->partitions_per_epoch();
  if (n < 1 || n > std::numeric_limits<std::int32_t>::max()) {
    throw ValueError("[freeze] expected a policy with 1 to 2147483647 partitions an epoch; got one with " +
                     std::to_string(n));
  }
  const auto& nodes = impl_->network.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Layer& layer = impl_->network.layer(i);
    if (!layer.weight_quantizer()) continue;
    Part part{layer, nodes[i].name, layer.weight(), Tensor::full(layer.weight().shape(), 1.0)};
    layer.set_relaxed(part.mask);
    impl_->optimizer.set_mask(part.weight_name(), part.mask);
    impl_->parts.push_back(std::move(part));
  }
  if (impl_->parts.empty()) {
    throw ValueError(
        "[freeze] expected a network with quantized weights; got none: name the levels, for example "
        "grid:levels=ternary");
  }
}

Freezer::~Freezer() {
  for (const Part& p : impl_->parts) {
    p.layer.set_relaxed({});
    impl_->optimizer.set_mask(p.weight_name(), {});
  }
}

void Freezer::begin_epoch(std::int64_t epoch, const FreezeSchedule::At& at) {
  impl_->draw(epoch, 0, at);
  if (at.relaxed == 0 && at.phase_begins) {
    for (const Part& p : impl_->parts) p.latent.copy_from(p.levels());
    keep_codes();
  }
}

void Freezer::before_step(std::int64_t epoch, std::int64_t step, std::int64_t steps_per_epoch,
                          const FreezeSchedule::At& at) {
  const std::int64_t n = impl_->policy->partitions_per_epoch();
  if (n == 1 || step == 0 || at.relaxed == 0) return;
  const std::int64_t part = step * n / steps_per_epoch;
  if (part == (step - 1) * n / steps_per_epoch) return;
  FreezeSchedule::At within = at;
  within.phase_begins = false;
  impl_->draw(epoch, part, within);
}

void Freezer::after_step() {
  if (!impl_->policy->clips()) return;
  parallel_for(static_cast<std::int64_t>(impl_->parts.size()), [&](std::int64_t n) {
    Part& p = impl_->parts[static_cast<std::size_t>(n)];
    if (p.reach.empty()) p.reach = p.outermost_levels();  // fixed levels: the scales stay as rescaling left them
    const auto w = p.latent.span<float>(), mask = p.mask.span<float>();
    const std::size_t size = w.size() / p.reach.size();
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (mask[i] != 0.0f) w[i] = std::clamp(w[i], -p.reach[i / size], p.reach[i / size]);
    }
  });
}

void Freezer::check_levels() const {
  for (const Part& p : impl_->parts) {
    if (impl_->policy->clips()) p.outermost_levels();
    const Tensor levels = p.levels();
    // What an epoch that begins with the weights there does to the layer; then all is put back.
    std::vector<Tensor> tensors, before;
    for (const Parameter& t : p.layer.parameters()) tensors.push_back(t.value);
    for (const NamedTensor& t : p.layer.buffers()) tensors.push_back(t.value);
    for (const Tensor& t : tensors) before.push_back(t.clone());
    const Tensor latent = p.latent.clone();
    p.latent.copy_from(levels);
    p.layer.on_epoch_begin({});
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
  impl_->network.weights_changed();
}

void Freezer::keep_codes() {
  for (Part& p : impl_->parts) {
    p.codes = Tensor::empty(Shape{p.latent.numel()});
    const std::vector<std::int8_t> codes = p.codes_now();
    std::copy(codes.begin(), codes.end(), p.codes.span<float>().begin());
  }
}

Certificate Freezer::certify() const {
  Certificate out = tern::certify(impl_->network);
  for (const Part& p : impl_->parts) {
    if (!p.codes.defined()) continue;
    const std::vector<std::int8_t> codes = p.codes_now();
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

std::int64_t Freezer::weights() const { return impl_->weights(); }
std::int64_t Freezer::relaxed() const { return impl_->relaxed(); }
std::string Freezer::bad_mask() const { return impl_->bad_mask(); }

std::vector<NamedTensor> Freezer::state() const {
  std::vector<NamedTensor> out;
  for (const Part& p : impl_->parts) {
    out.push_back({p.name + ".relaxed", p.mask});
    if (p.codes.defined()) out.push_back({p.name + ".codes", p.codes});
  }
  return out;
}

}  // namespace tern

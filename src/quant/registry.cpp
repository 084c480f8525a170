// The list of quantizers: built from quantizers.def, extended by register_*. And the thresholds that follow from
// code().
#include <algorithm>
#include <bit>
#include <limits>
#include <mutex>

#include "tern/error.hpp"
#include "tern/quant.hpp"

namespace tern {

namespace quant {
#define TERN_WEIGHT_QUANTIZER(key, file, help) \
  std::unique_ptr<WeightQuantizer> make_weight_##key(const QuantSpec&, const Shape&);
#define TERN_ACT_QUANTIZER(key, file, help) std::unique_ptr<ActQuantizer> make_act_##key(const QuantSpec&);
#include "quant/quantizers.def"
#undef TERN_WEIGHT_QUANTIZER
#undef TERN_ACT_QUANTIZER
}  // namespace quant

namespace {

template <class Factory>
struct Registry {
  const char* what;
  std::vector<std::pair<QuantizerInfo, Factory>> rows;
  std::mutex mutex = {};

  const std::pair<QuantizerInfo, Factory>* row(const std::string& key) const {
    const auto it = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first.key == key; });
    return it == rows.end() ? nullptr : &*it;
  }
  void add(const std::string& key, const std::string& help, Factory factory) {
    const std::lock_guard lock(mutex);
    if (row(key)) throw ValueError("[register] the " + std::string(what) + " \"" + key + "\" exists already");
    rows.push_back({{key, help}, std::move(factory)});
  }
  Factory find(const std::string& key) {
    const std::lock_guard lock(mutex);
    if (const auto* r = row(key)) return r->second;
    std::string known;
    for (const auto& r : rows) known += (known.empty() ? "" : ", ") + r.first.key;
    throw ValueError("[quant] unknown " + std::string(what) + " \"" + key + "\"; known: " + known);
  }
  std::vector<QuantizerInfo> list() {
    const std::lock_guard lock(mutex);
    std::vector<QuantizerInfo> out;
    for (const auto& r : rows) out.push_back(r.first);
    return out;
  }
};

Registry<WeightQuantizerFactory>& weight_registry() {
  static Registry<WeightQuantizerFactory> r{"weight quantizer",
                                            {
#define TERN_WEIGHT_QUANTIZER(key, file, help) {{#key, help}, quant::make_weight_##key},
#define TERN_ACT_QUANTIZER(key, file, help)
#include "quant/quantizers.def"
#undef TERN_WEIGHT_QUANTIZER
#undef TERN_ACT_QUANTIZER
                                            }};
  return r;
}

Registry<ActQuantizerFactory>& act_registry() {
  static Registry<ActQuantizerFactory> r{"activation quantizer",
                                         {
#define TERN_WEIGHT_QUANTIZER(key, file, help)
#define TERN_ACT_QUANTIZER(key, file, help) {{#key, help}, quant::make_act_##key},
#include "quant/quantizers.def"
#undef TERN_WEIGHT_QUANTIZER
#undef TERN_ACT_QUANTIZER
                                         }};
  return r;
}

// Floats in ascending order as integers: -inf, ..., -0, +0, ..., +inf.
std::int64_t rank_of(float v) {
  const auto bits = static_cast<std::int64_t>(std::bit_cast<std::uint32_t>(v));
  return bits & 0x80000000 ? -(bits & 0x7fffffff) - 1 : bits;
}
float float_at(std::int64_t rank) {
  return std::bit_cast<float>(rank < 0 ? static_cast<std::uint32_t>(0x80000000 + (-rank - 1))
                                       : static_cast<std::uint32_t>(rank));
}

}  // namespace

std::vector<float> ActQuantizer::thresholds() const {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  std::vector<float> out;
  for (int level = lo() + 1; level <= hi(); ++level) {
    if (code(kInf) < level) {
      out.push_back(kInf);
      continue;
    }
    if (code(-kInf) >= level) {
      out.push_back(-kInf);
      continue;
    }
    std::int64_t below = rank_of(-kInf), reached = rank_of(kInf);
    while (reached - below > 1) {
      const std::int64_t middle = below + (reached - below) / 2;
      (code(float_at(middle)) >= level ? reached : below) = middle;
    }
    // -0 and +0 are equal in comparisons.
    out.push_back(float_at(reached) == 0.0f ? 0.0f : float_at(reached));
  }
  return out;
}

std::unique_ptr<WeightQuantizer> make_weight_quantizer(const QuantSpec& spec, const Shape& weight_shape) {
  return weight_registry().find(spec.key)(spec, weight_shape);
}
std::unique_ptr<ActQuantizer> make_act_quantizer(const QuantSpec& spec) { return act_registry().find(spec.key)(spec); }
std::vector<QuantizerInfo> weight_quantizers() { return weight_registry().list(); }
std::vector<QuantizerInfo> act_quantizers() { return act_registry().list(); }
void register_weight_quantizer(const std::string& key, const std::string& help, WeightQuantizerFactory factory) {
  weight_registry().add(key, help, std::move(factory));
}
void register_act_quantizer(const std::string& key, const std::string& help, ActQuantizerFactory factory) {
  act_registry().add(key, help, std::move(factory));
}

}  // namespace tern

// The lists of quantizers: the rows of quantizers.def first, then what programs register.
#include "quant/registry.hpp"

#include "quant/method.hpp"

namespace tern {

namespace quant {
#define TERN_WEIGHT_QUANTIZER(key, file, help) WeightMethod weight_##key();
#define TERN_ACT_QUANTIZER(key, file, help) ActMethod act_##key();
#include "quant/quantizers.def"
#undef TERN_WEIGHT_QUANTIZER
#undef TERN_ACT_QUANTIZER
}  // namespace quant

WeightQuantizerRegistry& weight_quantizer_registry() {
  static WeightQuantizerRegistry r{
      {.what = "weight quantizer", .adder = "register_weight_quantizer", .finder = "quant"},
      {
#define TERN_WEIGHT_QUANTIZER(key, file, help) method_row(#key, help, quant::weight_##key()),
#define TERN_ACT_QUANTIZER(key, file, help)
#include "quant/quantizers.def"
#undef TERN_WEIGHT_QUANTIZER
#undef TERN_ACT_QUANTIZER
      },
  };
  return r;
}

ActQuantizerRegistry& act_quantizer_registry() {
  static ActQuantizerRegistry r{
      {.what = "activation quantizer", .adder = "register_act_quantizer", .finder = "quant"},
      {
#define TERN_WEIGHT_QUANTIZER(key, file, help)
#define TERN_ACT_QUANTIZER(key, file, help) method_row(#key, help, quant::act_##key()),
#include "quant/quantizers.def"
#undef TERN_WEIGHT_QUANTIZER
#undef TERN_ACT_QUANTIZER
      },
  };
  return r;
}

std::unique_ptr<WeightQuantizer> make_weight_quantizer(const QuantSpec& spec, const Shape& weight_shape) {
  const auto row = weight_quantizer_registry().find(spec.key);
  return row.make(row.completed(spec), weight_shape);
}
std::unique_ptr<ActQuantizer> make_act_quantizer(const QuantSpec& spec) {
  const auto row = act_quantizer_registry().find(spec.key);
  return row.make(row.completed(spec));
}
std::vector<MethodInfo> weight_quantizers() { return weight_quantizer_registry().list<MethodInfo>(); }
std::vector<MethodInfo> act_quantizers() { return act_quantizer_registry().list<MethodInfo>(); }
void register_weight_quantizer(const std::string& key, const std::string& help, OptionTable options,
                               WeightQuantizerFactory factory) {
  weight_quantizer_registry().add({{{key, help}, std::move(options)}, std::move(factory)});
}
void register_act_quantizer(const std::string& key, const std::string& help, OptionTable options,
                            ActQuantizerFactory factory) {
  act_quantizer_registry().add({{{key, help}, std::move(options)}, std::move(factory)});
}
void register_weight_quantizer(const std::string& key, const std::string& help, WeightQuantizerFactory factory) {
  weight_quantizer_registry().add({{{key, help}}, std::move(factory)});
}
void register_act_quantizer(const std::string& key, const std::string& help, ActQuantizerFactory factory) {
  act_quantizer_registry().add({{{key, help}}, std::move(factory)});
}

}  // namespace tern

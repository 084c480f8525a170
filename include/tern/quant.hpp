// Quantizers: one interface for every method that turns continuous weights or activations into a few integer levels.
//
// A quantizer is named by a spec, a key with options: "twn", "twn:threshold=exact,group=filter", "lsq:bits=2". The key
// is the file stem in src/quant and the value on the command line. Adding one: one file and one row in quantizers.def,
// or register_*_quantizer() from a program of your own.
//
// Codes. A quantized value is code * step, with a small integer code. Training works on the values; everything after
// training works on the codes, and both must agree: deploy() of weights, and code() of activations, are the definition.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/levels.hpp"
#include "tern/position.hpp"
#include "tern/public.h"
#include "tern/registry.hpp"
#include "tern/rng.hpp"
#include "tern/spec.hpp"
#include "tern/tensor.hpp"

namespace tern {

/// A quantizer by name, with options: see tern/spec.hpp.
using QuantSpec = Spec;

/// Weights as the packed network stores them: value = code * (code > 0 ? scale_pos : scale_neg) of its filter.
struct TERN_PUBLIC WeightCodes {
  Shape shape;                     ///< of the latent weights: [O C R S] or [O K]
  std::vector<std::int8_t> codes;  ///< in [-max_code, max_code]
  int max_code = 1;
  bool has_zero = true;          ///< false: only odd codes (binary, DoReFa), stored in fewer bits
  std::vector<float> scale_pos;  ///< [O]
  std::vector<float> scale_neg;  ///< [O]
  bool single_scale() const { return scale_pos == scale_neg; }
};

class TERN_PUBLIC WeightQuantizer {
 public:
  virtual ~WeightQuantizer() = default;
  /// Learnable parameters, leaves that require a gradient; no weight decay ever applies to them. Latent copies of the
  /// weights (STTN) count here too.
  virtual std::vector<NamedTensor> learnables() { return {}; }
  /// Further tensors that a checkpoint must hold for training to resume bit for bit.
  virtual std::vector<NamedTensor> states() { return {}; }
  /// Sets learnables and states from the latent weights: when training starts, from scratch or from a loaded network.
  virtual void init(const Tensor& w) { (void)w; }
  /// The quantized weights of the latent ones.
  /// Shapes: w [O C R S] or [O K], float32 or float64; the result is like w.
  /// Gradient: to w and to each of learnables(), by the rule at the head of the method's file, which says where it is
  /// cut off and on which side an edge lies. It is that of this call: learnables that change later do not matter.
  virtual Tensor forward(const Tensor& w) = 0;
  /// Before the first step of an epoch.
  virtual void on_epoch_begin(const Tensor& w, const Position& at) { (void)w, (void)at; }
  /// Before the forward pass of every step, the first of an epoch included: for estimators that change over the run.
  /// A run that is resumed within an epoch begins here. Levels and codes follow from learnables() and states() alone,
  /// so an annealed method may let the position change its gradient, but not what deploy() gives.
  virtual void before_step(const Position& at) { (void)at; }
  /// Projects the learnables into their legal range; called after each optimizer step.
  virtual void after_step() {}
  /// The levels, if they are fixed integers that nothing computes or learns: grid. Otherwise null.
  virtual const LevelSet* fixed_levels() const { return nullptr; }
  /// Exactly the codes that forward() uses now, and their scales.
  /// Shapes: w as in forward(); a code an element, two scales a filter. Gradient: none.
  virtual WeightCodes deploy(const Tensor& w) const = 0;
};

class TERN_PUBLIC ActQuantizer {
 public:
  virtual ~ActQuantizer() = default;
  virtual std::vector<NamedTensor> learnables() { return {}; }
  virtual std::vector<NamedTensor> states() { return {}; }
  /// Sets learnables from the first batch that passes through, when training starts.
  virtual void init(const Tensor& v) { (void)v; }
  /// step() * code of each element. In training statistics are those of v and move the running ones.
  /// Shapes: v of any shape, samples along the first dimension, float32 or float64; the result is like v.
  /// Gradient: to v and to each of learnables(), as for weights.
  virtual Tensor forward(const Tensor& v, bool training) = 0;
  /// See WeightQuantizer.
  virtual void on_epoch_begin(const Position& at) { (void)at; }
  virtual void before_step(const Position& at) { (void)at; }
  virtual void after_step() {}

  /// Codes are the integers lo() .. hi().
  virtual int lo() const = 0;
  virtual int hi() const = 0;
  virtual float step() const = 0;
  /// The code of one value at inference: the float32 expression of the method as written, non-decreasing in v; lo() for
  /// NaN. forward(v, false) == step() * code(v) for every element.
  virtual int code(float v) const = 0;
  /// thresholds()[j] is the smallest float v with code(v) > lo() + j (+inf if there is none, -inf if every v passes),
  /// so that code(v) == lo() + #{j : v >= thresholds()[j]}. Found by bisection over all floats on code() itself: exact
  /// by construction, whatever the expression rounds to.
  std::vector<float> thresholds() const;
};

using WeightQuantizerFactory =
    std::function<std::unique_ptr<WeightQuantizer>(const QuantSpec& spec, const Shape& weight_shape)>;
using ActQuantizerFactory = std::function<std::unique_ptr<ActQuantizer>(const QuantSpec& spec)>;

/// Errors: ValueError listing the known keys if spec.key is unknown; those of Spec::completed() on bad options.
TERN_PUBLIC std::unique_ptr<WeightQuantizer> make_weight_quantizer(const QuantSpec& spec, const Shape& weight_shape);
TERN_PUBLIC std::unique_ptr<ActQuantizer> make_act_quantizer(const QuantSpec& spec);
TERN_PUBLIC std::vector<MethodInfo> weight_quantizers();
TERN_PUBLIC std::vector<MethodInfo> act_quantizers();

/// Adds a method from outside tern. The factory gets specs with a legal value for each of `options` and no other.
/// Errors: ValueError if the key is taken, or an option cannot be right. Call before any network is built.
TERN_PUBLIC void register_weight_quantizer(const std::string& key, const std::string& help, OptionTable options,
                                           WeightQuantizerFactory factory);
TERN_PUBLIC void register_act_quantizer(const std::string& key, const std::string& help, OptionTable options,
                                        ActQuantizerFactory factory);
/// The same for a factory that reads and checks specs by itself.
TERN_PUBLIC void register_weight_quantizer(const std::string& key, const std::string& help,
                                           WeightQuantizerFactory factory);
TERN_PUBLIC void register_act_quantizer(const std::string& key, const std::string& help, ActQuantizerFactory factory);

/// Identity whose gradient is quantized to `bits` bits a sample, as DoReFa does it. Place it behind a layer to quantize
/// the gradient of the layer's output. Noise, one number an element, is taken from *rng at once, if anything is
/// recorded; null means none.
///   dx = 2X (rne(clip(d / (2X) + 1/2 + noise, 0, 1) L) / L - 1/2),  X = max|d| of the sample,  L = 2^bits - 1
/// Paper: Zhou, Wu, Ni, Zhou, Wen, Zou, "DoReFa-Net", 2016, equation 12.
/// Shapes: x of any shape, samples along the first dimension; the result is like x.
/// Gradient: the equation above, of d = the gradient of the result; a sample whose gradient is 0 stays 0.
/// Errors: ValueError unless bits is in 1..16.
TERN_PUBLIC Tensor quantize_gradient(const Tensor& x, int bits, Rng* rng);

}  // namespace tern

// Shared by the layers: checks of a graph node, and the arithmetic of evaluation on codes.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor_names.hpp"
#include "tern/error.hpp"
#include "tern/nn.hpp"
#include "tern/ops.hpp"

namespace tern {

/// "[conv2d] node "c1": " in front of every message about a node.
std::string at_node(const GraphNode& node);
/// Errors: ValueError naming the first key of the node that is not known, and the known ones.
void allow_keys(const GraphNode& node, std::initializer_list<std::string_view> known);
/// Errors: ValueError if the node does not have `count` inputs.
void expect_inputs(const LayerPlace& place, std::size_t count);
/// Errors: ShapeError if input `i` does not have `rank` dimensions (without the batch).
const Shape& expect_rank(const LayerPlace& place, std::size_t i, int rank);

/// The integer of a key, so bounded that what is computed from a few of them fits 64 bits.
/// Errors: ValueError if it is below `lowest` or above 2^24.
std::int64_t bounded(const GraphNode& node, std::string_view key, std::int64_t lowest);
std::int64_t bounded(const GraphNode& node, std::string_view key, std::int64_t lowest, std::int64_t fallback);
/// Of a key that holds rows and columns.
std::pair<std::int64_t, std::int64_t> bounded_pair(const GraphNode& node, std::string_view key, std::int64_t lowest);
std::pair<std::int64_t, std::int64_t> bounded_pair(const GraphNode& node, std::string_view key, std::int64_t lowest,
                                                   std::int64_t fallback);

/// Numbers that a node may emit for one image, and that a network's parameters may be: some eighty times the largest
/// result that a known topology has at 224 x 224, twice the weights of the largest.
inline constexpr std::int64_t kMaxNumbers = std::int64_t{1} << 28;
/// `shape`. Errors: ShapeError if it has more numbers; before parameters are made for it, where they would be many.
Shape bounded_result(const GraphNode& node, const Shape& shape);

/// A parameter or buffer "<node>.<local_name>", announced and then filled with `value`.
Tensor new_tensor(const LayerPlace& place, const std::string& local_name, const Shape& shape, double value);

/// Latent weights with their quantizer, as convolution and dense layers hold them.
class LayerWeight {
 public:
  LayerWeight(const LayerPlace& place, const Shape& shape, Rng rng);

  const Tensor& latent() const { return latent_; }
  const WeightQuantizer* quantizer() const { return quantizer_.get(); }
  void add_parameters(std::vector<Parameter>& out) const;
  std::vector<NamedTensor> buffers() const;
  void init_quantizer();
  void on_epoch_begin(const Position& at);
  void before_step(const Position& at);
  void after_step();
  void refresh() { codes_.reset(); }

  /// What training multiplies with.
  Tensor for_training() const;
  /// The layer's result, whose gradient is quantized if these weights are and the context asks for it.
  Tensor with_gradient_bits(const Tensor& y, const ForwardContext& context) const;
  /// See Layer::set_relaxed().
  void set_relaxed(const Tensor& mask);
  bool is_split() const { return relaxed_.defined(); }

  /// What evaluation multiplies with: integer codes as floats, split by sign if the two sides have their own scales.
  struct Codes {
    Tensor all;       // all codes; with two scales only the positive ones
    Tensor negative;  // magnitudes of the negative codes; undefined with a single scale
    std::vector<float> scale_pos, scale_neg;
    int max_code = 1;
  };
  const Codes& codes() const;

 private:
  Tensor latent_, relaxed_;
  std::unique_ptr<WeightQuantizer> quantizer_;
  mutable std::unique_ptr<Codes> codes_;
};

/// deploy() of a quantizer that may be anybody's: the codes of `w`.
/// Errors: ValueError if it gives another number of codes or scales, or a code beyond its max_code.
WeightCodes deployed(const WeightQuantizer& quantizer, const Tensor& w);

/// Scales integer sums back to real values, in the float expressions that the packed runtime uses:
///   one scale:   y = fl(fl(s[o] * step) * acc)
///   two scales:  y = fl(fl(fl(sp[o] * step) * acc) - fl(fl(sn[o] * step) * acc_neg))
/// then + bias[o]. acc: [N O ...]; acc_neg and bias may be undefined. Works in place on acc and returns it.
Tensor scale_sums(const Tensor& acc, const Tensor& acc_neg, const LayerWeight::Codes& codes, float step,
                  const Tensor& bias);

}  // namespace tern

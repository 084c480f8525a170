// What the topologies share: a graph under construction that knows which layers are quantized, names its nodes, and
// keeps account of the options that a topology understands.
//
// Names. A node is named by its builder call, or else stem + running number (conv1, bn1, relu1, conv2, ...). Topologies
// that have a well-known implementation elsewhere name the nodes with parameters after it, '_' for '.':
// layer1_0_conv1 is torchvision's layer1.0.conv1. Names of weights never depend on the quantizers, so that a
// full-precision network and its quantized twin share them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/nn.hpp"

namespace tern {

class ModelBuilder {
 public:
  /// Understands these `extra` options for every topology: bn_eps, bn_momentum, and image=auto|float|codes: whether the
  /// image is quantized to 8 bits; auto: if weights and activations are quantized and the first layer is too.
  explicit ModelBuilder(const ModelOptions& options);

  const ModelOptions& options() const { return options_; }
  /// The input node, or the quantizer behind it.
  const std::string& image() const { return image_; }
  std::int64_t width(std::int64_t fallback) const { return options_.width ? options_.width : fallback; }

  enum class Precision { kHidden, kFirstOrLast, kShortcut };

  struct Conv {
    std::int64_t out = 1, kernel = 3, stride = 1, pad = 0;
    Precision precision = Precision::kHidden;
    bool bias = false;
    std::int64_t dilation = 1;
  };
  struct Pool {
    std::int64_t kernel = 2, stride = 2, pad = 0;
    bool ceil = false;
    bool count_padding = false;  ///< average only
  };

  // Each adds a node and returns its name; an empty `name` asks for stem + running number.
  std::string conv(const std::string& x, const Conv& c, std::string_view name = {});
  std::string linear(const std::string& x, std::int64_t out, Precision precision = Precision::kHidden, bool bias = true,
                     std::string_view name = {});
  /// `eps` is the topology's own; the option bn_eps overrides it.
  std::string batch_norm(const std::string& x, std::string_view name = {}, const std::string& eps = {});
  /// ReLU; with extra option relu=prelu PReLU, as TOT-Net has it in place of every ReLU.
  std::string relu(const std::string& x, std::string_view name = {});
  std::string max_pool(const std::string& x, const Pool& p, std::string_view name = {});
  std::string avg_pool(const std::string& x, const Pool& p, std::string_view name = {});
  /// No node at all if p is 0.
  std::string dropout(const std::string& x, double p, std::string_view name = {});
  std::string op(const std::string& op, std::vector<std::string> inputs,
                 std::vector<std::pair<std::string, std::string>> attrs = {}, std::string_view name = {});

  /// The activation: ReLU, or the quantizer in its place; with extra option relu=1 or prelu ReLU or PReLU and the
  /// quantizer.
  std::string act(const std::string& x, std::string_view name = {});
  /// The activation in two steps, where a float value is needed between them (a skip path, an average):
  /// quantize(relu_before_quantizer(x)). With full-precision activations the first is ReLU and the second nothing. With
  /// a signed quantizer the first is nothing, since the negative level could never occur behind a ReLU; extra option
  /// relu=auto|0|1|prelu.
  std::string relu_before_quantizer(const std::string& x, std::string_view name = {});
  std::string quantize(const std::string& x, std::string_view name = {});
  /// conv, batch norm, act; with a `prefix`, <prefix>_conv, <prefix>_bn, <prefix>_act.
  std::string conv_bn_act(const std::string& x, const Conv& c, const std::string& prefix = {},
                          const std::string& eps = {});
  /// Global average pool, flatten and the classifier "fc": how most topologies end.
  std::string average_and_classify(const std::string& x, double dropout_p = 0);

  bool float_weights() const { return options_.weights == "none"; }
  bool float_acts() const { return options_.acts == "none"; }
  /// True if activations are the codes 0 and 1, each worth itself.
  bool bit_acts() const;

  // Options of single topologies; asking marks them as known.
  std::string extra(const std::string& key, const std::string& fallback);
  /// The first choice is the default. Errors: ValueError listing the choices.
  std::string choice(const std::string& key, const std::vector<std::string>& choices);
  /// A number in [low, high). Errors: ValueError naming the option and its range.
  double number(const std::string& key, double fallback, double low, double high);
  /// Errors: ValueError if `extra` of the options holds a key that the topology did not ask for, listing those it did.
  Graph finish();

 private:
  std::string name_for(std::string_view name, const std::string& stem);
  std::string weights(Precision precision) const;
  std::string relu_option();

  ModelOptions options_;
  Graph graph_;
  std::string image_, bn_eps_, bn_momentum_;
  std::map<std::string, int> counters_;
  std::vector<std::string> known_extra_;
};

}  // namespace tern

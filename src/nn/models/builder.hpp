// What the topologies share: a graph under construction that knows which layers are quantized.
#pragma once

#include <string>

#include "tern/nn.hpp"

namespace tern {

class ModelBuilder {
 public:
  explicit ModelBuilder(const ModelOptions& options);

  const ModelOptions& options() const { return options_; }
  /// The input node.
  const std::string& image() const { return image_; }
  /// Height and width are not known to the builder; topologies track them where they need them.

  enum class Precision { kHidden, kFirstOrLast, kShortcut };

  std::string conv(const std::string& x, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                   Precision precision = Precision::kHidden, bool bias = false, std::int64_t dilation = 1);
  std::string linear(const std::string& x, std::int64_t out, Precision precision = Precision::kHidden, bool bias = true);
  std::string batch_norm(const std::string& x, const std::string& eps = "");
  /// ReLU, or the activation quantizer of the options.
  std::string act(const std::string& x);
  std::string relu(const std::string& x);
  /// conv, batch norm, act.
  std::string conv_bn_act(const std::string& x, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                          Precision precision = Precision::kHidden);
  std::string max_pool(const std::string& x, std::int64_t kernel, std::int64_t stride, std::int64_t pad = 0, bool ceil = false);
  std::string avg_pool(const std::string& x, std::int64_t kernel, std::int64_t stride, std::int64_t pad = 0);
  std::string op(const std::string& op, std::vector<std::string> inputs,
                 std::vector<std::pair<std::string, std::string>> attrs = {});

  /// The option of a single topology, marked as used.
  std::string extra(const std::string& key, const std::string& fallback);
  /// Errors: ValueError if `extra` of the options holds a key that the topology did not ask for.
  Graph finish();

 private:
  std::string next_name(const std::string& stem);
  std::string weights(Precision precision) const;

  ModelOptions options_;
  Graph graph_;
  std::string image_;
  std::map<std::string, int> counters_;
  std::vector<std::string> known_extra_;
};

}  // namespace tern

#include "nn/models/builder.hpp"

#include <algorithm>

#include "tern/error.hpp"

namespace tern {

using Attrs = std::vector<std::pair<std::string, std::string>>;

ModelBuilder::ModelBuilder(const ModelOptions& options) : options_(options) {
  if (options.classes < 1) throw ValueError("[make_model] expected classes >= 1; got " + std::to_string(options.classes));
  if (options.width < 0) throw ValueError("[make_model] expected width >= 0; got " + std::to_string(options.width));
  image_ = graph_.add("input", {}, {{"shape", options.input.str()}}, "image");
}

std::string ModelBuilder::next_name(const std::string& stem) { return stem + std::to_string(++counters_[stem]); }

std::string ModelBuilder::weights(Precision precision) const {
  if (precision == Precision::kFirstOrLast && !options_.quantize_first_last) return "none";
  if (precision == Precision::kShortcut && options_.fp_shortcut) return "none";
  return options_.weights;
}

std::string ModelBuilder::conv(const std::string& x, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                               std::int64_t pad, Precision precision, bool bias, std::int64_t dilation) {
  Attrs a{{"out", std::to_string(out)}, {"kernel", std::to_string(kernel)}};
  if (stride != 1) a.emplace_back("stride", std::to_string(stride));
  if (pad != 0) a.emplace_back("pad", std::to_string(pad));
  if (dilation != 1) a.emplace_back("dilation", std::to_string(dilation));
  if (bias) a.emplace_back("bias", "1");
  if (weights(precision) != "none") a.emplace_back("weights", weights(precision));
  return graph_.add("conv2d", {x}, std::move(a), next_name("conv"));
}

std::string ModelBuilder::linear(const std::string& x, std::int64_t out, Precision precision, bool bias) {
  Attrs a{{"out", std::to_string(out)}};
  if (!bias) a.emplace_back("bias", "0");
  if (weights(precision) != "none") a.emplace_back("weights", weights(precision));
  return graph_.add("linear", {x}, std::move(a), next_name("fc"));
}

std::string ModelBuilder::batch_norm(const std::string& x, const std::string& eps) {
  Attrs a;
  if (!eps.empty()) a.emplace_back("eps", eps);
  return graph_.add("batch_norm", {x}, std::move(a), next_name("bn"));
}

std::string ModelBuilder::act(const std::string& x) {
  if (options_.acts == "none") return relu(x);
  return graph_.add("quantize", {x}, {{"acts", options_.acts}}, next_name("act"));
}

std::string ModelBuilder::relu(const std::string& x) {
  return graph_.add("act", {x}, {{"kind", "relu"}}, next_name("relu"));
}

std::string ModelBuilder::conv_bn_act(const std::string& x, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                                      std::int64_t pad, Precision precision) {
  return act(batch_norm(conv(x, out, kernel, stride, pad, precision)));
}

std::string ModelBuilder::max_pool(const std::string& x, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                                   bool ceil) {
  Attrs a{{"kernel", std::to_string(kernel)}, {"stride", std::to_string(stride)}};
  if (pad != 0) a.emplace_back("pad", std::to_string(pad));
  if (ceil) a.emplace_back("ceil", "1");
  return graph_.add("max_pool", {x}, std::move(a), next_name("pool"));
}

std::string ModelBuilder::avg_pool(const std::string& x, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  Attrs a{{"kernel", std::to_string(kernel)}, {"stride", std::to_string(stride)}};
  if (pad != 0) a.emplace_back("pad", std::to_string(pad));
  return graph_.add("avg_pool", {x}, std::move(a), next_name("pool"));
}

std::string ModelBuilder::op(const std::string& op, std::vector<std::string> inputs, Attrs attrs) {
  return graph_.add(op, std::move(inputs), std::move(attrs), next_name(op));
}

std::string ModelBuilder::extra(const std::string& key, const std::string& fallback) {
  known_extra_.push_back(key);
  const auto it = options_.extra.find(key);
  return it == options_.extra.end() ? fallback : it->second;
}

Graph ModelBuilder::finish() {
  for (const auto& [key, value] : options_.extra) {
    if (std::find(known_extra_.begin(), known_extra_.end(), key) != known_extra_.end()) continue;
    std::string list;
    for (const std::string& k : known_extra_) list += (list.empty() ? "" : ", ") + k;
    throw ValueError("[make_model] unknown option \"" + key + "\" of this topology; known: " + (list.empty() ? "none" : list));
  }
  return graph_;
}

}  // namespace tern

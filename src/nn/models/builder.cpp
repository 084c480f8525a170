#include "nn/models/builder.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "core/names.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

using Attrs = std::vector<std::pair<std::string, std::string>>;

void set_unless(Attrs& attrs, const char* key, std::int64_t value, std::int64_t standard) {
  if (value != standard) attrs.emplace_back(key, std::to_string(value));
}

std::string short_text(double v) {
  std::ostringstream out;
  out << v;
  return out.str();
}

}  // namespace

ModelBuilder::ModelBuilder(const ModelOptions& options) : options_(options) {
  const auto at_least = [](const char* what, std::int64_t value, std::int64_t low) {
    if (value >= low) return;
    throw ValueError(std::string("[make_model] expected ") + what + " >= " + std::to_string(low) + "; got " +
                     std::to_string(value));
  };
  at_least("classes", options.classes, 1);
  at_least("width", options.width, 0);
  if (options.input.rank() != 3 || options.input.numel() == 0) {
    throw ShapeError("[make_model] expected an input of shape CxHxW; got " + options.input.str());
  }
  bn_eps_ = extra("bn_eps", "");
  bn_momentum_ = extra("bn_momentum", "");
  image_ = graph_.add("input", {}, {{"shape", options.input.str()}}, "image");
  const std::string wanted = choice("image", {"auto", "float", "codes"});
  const bool auto_codes = options.quantize_first_last && !float_weights() && !float_acts();
  if (wanted == "codes" || (wanted == "auto" && auto_codes))
    image_ = graph_.add("quantize", {image_}, {{"acts", "image"}}, "image_codes");
}

std::string ModelBuilder::name_for(std::string_view name, const std::string& stem) {
  return name.empty() ? stem + std::to_string(++counters_[stem]) : std::string(name);
}

std::string ModelBuilder::weights(Precision precision) const {
  if (precision == Precision::kFirstOrLast && !options_.quantize_first_last) return "none";
  if (precision == Precision::kShortcut && options_.fp_shortcut) return "none";
  return options_.weights;
}

// ---- nodes ----

std::string ModelBuilder::conv(const std::string& x, const Conv& c, std::string_view name) {
  Attrs a{{"out", std::to_string(c.out)}, {"kernel", std::to_string(c.kernel)}};
  set_unless(a, "stride", c.stride, 1);
  set_unless(a, "pad", c.pad, 0);
  set_unless(a, "dilation", c.dilation, 1);
  if (c.bias) a.emplace_back("bias", "1");
  if (weights(c.precision) != "none") a.emplace_back("weights", weights(c.precision));
  return graph_.add("conv2d", {x}, std::move(a), name_for(name, "conv"));
}

std::string ModelBuilder::linear(const std::string& x, std::int64_t out, Precision precision, bool bias,
                                 std::string_view name) {
  Attrs a{{"out", std::to_string(out)}};
  if (!bias) a.emplace_back("bias", "0");
  if (weights(precision) != "none") a.emplace_back("weights", weights(precision));
  return graph_.add("linear", {x}, std::move(a), name_for(name, "fc"));
}

std::string ModelBuilder::batch_norm(const std::string& x, std::string_view name, const std::string& eps) {
  Attrs a;
  const std::string& e = bn_eps_.empty() ? eps : bn_eps_;
  if (!e.empty()) a.emplace_back("eps", e);
  if (!bn_momentum_.empty()) a.emplace_back("momentum", bn_momentum_);
  return graph_.add("batch_norm", {x}, std::move(a), name_for(name, "bn"));
}

std::string ModelBuilder::relu(const std::string& x, std::string_view name) {
  const std::string kind = relu_option() == "prelu" ? "prelu" : "relu";
  return graph_.add("act", {x}, {{"kind", kind}}, name_for(name, kind));
}

std::string ModelBuilder::max_pool(const std::string& x, const Pool& p, std::string_view name) {
  Attrs a{{"kernel", std::to_string(p.kernel)}, {"stride", std::to_string(p.stride)}};
  set_unless(a, "pad", p.pad, 0);
  set_unless(a, "ceil", p.ceil, 0);
  return graph_.add("max_pool", {x}, std::move(a), name_for(name, "pool"));
}

std::string ModelBuilder::avg_pool(const std::string& x, const Pool& p, std::string_view name) {
  Attrs a{{"kernel", std::to_string(p.kernel)}, {"stride", std::to_string(p.stride)}};
  set_unless(a, "pad", p.pad, 0);
  set_unless(a, "ceil", p.ceil, 0);
  set_unless(a, "count_pad", p.count_padding, 0);
  return graph_.add("avg_pool", {x}, std::move(a), name_for(name, "pool"));
}

std::string ModelBuilder::dropout(const std::string& x, double p, std::string_view name) {
  if (p == 0) return x;
  return graph_.add("dropout", {x}, {{"p", short_text(p)}}, name_for(name, "dropout"));
}

std::string ModelBuilder::op(const std::string& op, std::vector<std::string> inputs, Attrs attrs,
                             std::string_view name) {
  return graph_.add(op, std::move(inputs), std::move(attrs), name_for(name, op));
}

// ---- activations ----

std::string ModelBuilder::relu_option() { return choice("relu", {"auto", "0", "1", "prelu"}); }

std::string ModelBuilder::act(const std::string& x, std::string_view name) {
  if (float_acts()) return relu(x, name);
  const std::string wanted = relu_option();
  return quantize(wanted == "1" || wanted == "prelu" ? relu(x) : x, name);
}

std::string ModelBuilder::relu_before_quantizer(const std::string& x, std::string_view name) {
  const std::string wanted = relu_option();
  const auto is_signed = [&] { return !float_acts() && make_act_quantizer(QuantSpec::parse(options_.acts))->lo() < 0; };
  return wanted == "1" || wanted == "prelu" || (wanted == "auto" && !is_signed()) ? relu(x, name) : x;
}

std::string ModelBuilder::quantize(const std::string& x, std::string_view name) {
  if (float_acts()) return x;
  return graph_.add("quantize", {x}, {{"acts", options_.acts}}, name_for(name, "act"));
}

bool ModelBuilder::bit_acts() const {
  if (float_acts()) return false;
  const auto q = make_act_quantizer(QuantSpec::parse(options_.acts));
  return q->lo() == 0 && q->hi() == 1 && q->step() == 1.0f;
}

std::string ModelBuilder::conv_bn_act(const std::string& x, const Conv& c, const std::string& prefix,
                                      const std::string& eps) {
  const auto name = [&](const char* part) { return prefix.empty() ? std::string() : prefix + part; };
  return act(batch_norm(conv(x, c, name("_conv")), name("_bn"), eps), name("_act"));
}

std::string ModelBuilder::average_and_classify(const std::string& x, double dropout_p) {
  const std::string features = op("flatten", {op("global_avg_pool", {x}, {}, "avgpool")}, {}, "flatten");
  return linear(dropout(features, dropout_p, "dropout"), options_.classes, Precision::kFirstOrLast, true, "fc");
}

// ---- options of single topologies ----

std::string ModelBuilder::extra(const std::string& key, const std::string& fallback) {
  if (std::find(known_extra_.begin(), known_extra_.end(), key) == known_extra_.end()) known_extra_.push_back(key);
  const auto it = options_.extra.find(key);
  return it == options_.extra.end() ? fallback : it->second;
}

std::string ModelBuilder::choice(const std::string& key, const std::vector<std::string>& choices) {
  const std::string value = extra(key, choices.front());
  if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
    throw ValueError("[make_model] expected " + key + " to be one of " + join(choices) + "; got \"" + value + "\"");
  }
  return value;
}

double ModelBuilder::number(const std::string& key, double fallback, double low, double high) {
  const std::string text = extra(key, "");
  if (text.empty()) return fallback;
  double v = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (ec != std::errc{} || end != text.data() + text.size() || !(v >= low && v < high)) {
    throw ValueError("[make_model] expected " + key + " to be a number in [" + short_text(low) + ", " +
                     short_text(high) + "); got \"" + text + "\"");
  }
  return v;
}

Graph ModelBuilder::finish() {
  for (const auto& [key, value] : options_.extra) {
    if (std::find(known_extra_.begin(), known_extra_.end(), key) != known_extra_.end()) continue;
    throw ValueError("[make_model] " + unknown_name("option of this topology", key, known_extra_));
  }
  return graph_;
}

}  // namespace tern

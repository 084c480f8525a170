#include "nas/pieces.hpp"

#include "tern/error.hpp"

namespace tern::nas {
namespace {

using Attrs = std::vector<std::pair<std::string, std::string>>;

void set_unless(Attrs& attrs, const char* key, std::int64_t value, std::int64_t standard) {
  if (value != standard) attrs.emplace_back(key, std::to_string(value));
}

}  // namespace

std::string EdgePlace::add(const std::string& local, const std::string& op, const std::string& input_name,
                           std::vector<std::pair<std::string, std::string>> attrs) const {
  return graph.add(op, {input_name}, std::move(attrs), prefix + local);
}

ConvSpec same_conv(const EdgePlace& at, std::int64_t kernel, std::int64_t dilation) {
  return {
      .out = at.channels, .kernel = kernel, .stride = at.stride, .pad = dilation * (kernel / 2), .dilation = dilation};
}

std::string add_conv(const EdgePlace& at, const std::string& name, const std::string& x, const ConvSpec& c) {
  Attrs attrs{{"out", std::to_string(c.out)}, {"kernel", std::to_string(c.kernel)}};
  set_unless(attrs, "stride", c.stride, 1);
  set_unless(attrs, "pad", c.pad, 0);
  set_unless(attrs, "dilation", c.dilation, 1);
  set_unless(attrs, "groups", c.groups, 1);
  if (c.bias) attrs.emplace_back("bias", "1");
  if (at.weights != "none") attrs.emplace_back("weights", at.weights);
  return at.add(name, "conv2d", x, std::move(attrs));
}

std::string add_act(const EdgePlace& at, const std::string& name, const std::string& x) {
  if (at.acts == "none") return at.add(name, "act", x, {{"kind", "relu"}});
  return at.add(name, "quantize", x, {{"acts", at.acts}});
}

std::string add_norm(const EdgePlace& at, const std::string& name, const std::string& x, bool affine) {
  Attrs attrs;
  if (!affine) attrs.emplace_back("affine", "0");
  return at.add(name, "batch_norm", x, std::move(attrs));
}

std::string add_norm(const EdgePlace& at, const std::string& name, const std::string& x) {
  return add_norm(at, name, x, !at.searching);
}

std::string add_act_conv_norm(const EdgePlace& at, const std::string& x, const ConvSpec& conv) {
  return add_norm(at, "_bn", add_conv(at, "_conv", add_act(at, "_act", x), conv));
}

std::string add_norm_sign_conv_relu(const EdgePlace& at, const std::string& x, const ConvSpec& conv, bool affine) {
  std::string y = add_norm(at, "_bn", x, affine);
  if (at.acts != "none") y = at.add("_act", "quantize", y, {{"acts", at.acts}});
  return at.add("_relu", "act", add_conv(at, "_conv", y, conv), {{"kind", "relu"}});
}

std::string add_factorized_reduce(const EdgePlace& at, const std::string& x, std::int64_t out) {
  if (out % 2 != 0) throw ValueError("[search space] expected an even width; got " + std::to_string(out));
  const std::string a = add_act(at, "_act", x);
  const std::string shifted = at.add("_shift", "shift", a, {{"by", "1"}});
  const std::string even = add_conv(at, "_conv1", a, {.out = out / 2, .stride = 2});
  const std::string odd = add_conv(at, "_conv2", shifted, {.out = out / 2, .stride = 2});
  const std::string joined = at.graph.add("concat", {even, odd}, {}, at.prefix + "_join");
  return add_norm(at, "_bn", joined);
}

}  // namespace tern::nas

// Shapes of the layer benchmark and their names.
#include "infer/layer_names.hpp"

#include <charconv>

#include "tern/error.hpp"
#include "tern/layer_bench.hpp"

namespace tern::infer {

std::vector<LayerProblem> standard_layers() {
  std::vector<LayerProblem> out;
  for (const std::int64_t size : {28, 56, 112, 224}) out.push_back({.channels = 64, .outputs = 64, .size = size});
  for (const std::int64_t channels : {128, 256, 512})
    out.push_back({.channels = channels, .outputs = channels, .size = 56});
  return out;
}

std::vector<LayerProblem> odd_layers() {
  std::vector<LayerProblem> out;
  for (const char* name :
       {"256x14", "512x7", "64x56k1", "256x14k1", "64x28k5", "64x56x128s2", "256x14x512s2", "64x56d2", "36x32"}) {
    out.push_back(parse_layer(name));
  }
  return out;
}

LayerProblem parse_layer(const std::string& text) {
  const auto refuse = [&] {
    throw ValueError(
        "[parse_layer] expected CHANNELSxSIZE[xOUTPUTS] and any of kN sN pN dN, as in 64x56x128s2; got \"" + text +
        "\"");
  };
  const char *at = text.data(), *end = at + text.size();
  const auto number = [&] {
    int value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || value < 0) refuse();
    at = next;
    return value;
  };
  const auto follows = [&](char c) { return at != end && *at == c && ++at; };
  LayerProblem p;
  p.outputs = p.channels = number();
  if (!follows('x')) refuse();
  p.size = number();
  if (follows('x')) p.outputs = number();
  bool kernel = false, stride = false, pad = false, dilation = false;
  while (at != end) {
    const char key = *at++;
    const auto once = [&](bool& seen, std::int64_t& value) {
      if (seen) refuse();
      seen = true;
      value = number();
    };
    switch (key) {
      case 'k':
        once(kernel, p.kernel);
        break;
      case 's':
        once(stride, p.stride);
        break;
      case 'p':
        once(pad, p.pad);
        break;
      case 'd':
        once(dilation, p.dilation);
        break;
      default:
        refuse();
    }
  }
  if (p.channels < 1 || p.outputs < 1 || p.size < 1 || p.kernel < 1 || p.stride < 1 || p.dilation < 1) refuse();
  if (!pad) p.pad = p.dilation * (p.kernel - 1) / 2;
  return p;
}

std::string name_of(const LayerProblem& p) {
  std::string s = std::to_string(p.channels) + "x" + std::to_string(p.size);
  if (p.outputs != p.channels) s += "x" + std::to_string(p.outputs);
  if (p.kernel != 3) s += "k" + std::to_string(p.kernel);
  if (p.stride != 1) s += "s" + std::to_string(p.stride);
  if (p.pad != p.dilation * (p.kernel - 1) / 2) s += "p" + std::to_string(p.pad);
  if (p.dilation != 1) s += "d" + std::to_string(p.dilation);
  return s;
}

std::string layer_name(const kernels::ConvShape& d) {
  const bool square = d.height == d.width && d.kernel_h == d.kernel_w && d.stride_h == d.stride_w &&
                      d.pad_h == d.pad_w && d.dilation_h == d.dilation_w;
  if (d.groups != 1 || !square) return {};
  LayerProblem p;
  p.channels = d.channels;
  p.outputs = d.outputs;
  p.size = d.height;
  p.kernel = d.kernel_h;
  p.stride = d.stride_h;
  p.pad = d.pad_h;
  p.dilation = d.dilation_h;
  return name_of(p);
}

}  // namespace tern::infer

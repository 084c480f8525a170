// From the text of a graph to checked nodes. Whatever is wrong with a model is found here, before any kernel runs.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "infer/node.hpp"
#include "kernels/exact.hpp"
#include "tern/error.hpp"

namespace tern::infer {
namespace {

using packed::Blob;

struct OpRow {
  std::string_view name;
  Op op;
  int inputs;             // -1: two or more
  std::string_view keys;  // each between spaces
};
constexpr OpRow kOps[] = {
    {"input", Op::kInput, 0, " shape mean std "},
    {"conv2d", Op::kConv, 1, " out kernel stride pad pad_code dilation groups bias weights epilogue lo hi step "},
    {"linear", Op::kLinear, 1, " out bias weights epilogue lo hi step "},
    {"affine", Op::kAffine, 1, " "},
    {"quantize", Op::kQuantize, 1, " lo hi step "},
    {"relu", Op::kRelu, 1, " "},
    {"hardtanh", Op::kHardtanh, 1, " "},
    {"prelu", Op::kPrelu, 1, " "},
    {"max_pool", Op::kMaxPool, 1, " kernel stride pad ceil "},
    {"avg_pool", Op::kAvgPool, 1, " kernel stride pad ceil count_pad "},
    {"global_avg_pool", Op::kGlobalAvgPool, 1, " "},
    {"flatten", Op::kFlatten, 1, " "},
    {"add", Op::kAdd, -1, " "},
    {"concat", Op::kConcat, -1, " "},
    {"channel_shuffle", Op::kShuffle, 1, " groups "},
    {"pad_channels", Op::kPadChannels, 1, " front back stride "},
    {"shift", Op::kShift, 1, " by pad_code "},
    {"zero", Op::kZero, 1, " stride "},
    {"or", Op::kOr, 2, " "},
    {"tgap", Op::kTgap, 1, " "},
    {"mux", Op::kMux, 3, " "},
};

class Checker {
 public:
  explicit Checker(const packed::Model& model) : model_(model) {}

  std::vector<Node> run() {
    if (model_.graph.nodes().empty()) throw FormatError("[infer] the model's graph is empty");
    for (const GraphNode& g : model_.graph.nodes()) {
      try {
        add(g);
      } catch (const FormatError&) {
        throw;
      } catch (const Error& error) {  // from the graph's accessors, and Shape
        throw FormatError(error.what());
      }
    }
    return std::move(nodes_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError("[infer] node \"" + g_->name + "\" (" + g_->op + "): " + what);
  }
  void expect(bool ok, const std::string& what) const {
    if (!ok) fail(what);
  }

  void add(const GraphNode& g) {
    g_ = &g;
    const auto row = std::find_if(std::begin(kOps), std::end(kOps), [&](const OpRow& r) { return r.name == g.op; });
    if (row == std::end(kOps)) {
      std::string known;
      for (const OpRow& r : kOps) known += (known.empty() ? "" : ", ") + std::string(r.name);
      fail("unknown op; known ones: " + known);
    }
    for (const auto& [key, value] : g.attrs) {
      if (key != "value_of" && row->keys.find(" " + key + " ") == std::string_view::npos) {
        fail("unknown key \"" + key + "\"; known ones:" + std::string(row->keys) + "value_of");
      }
    }
    Node node;
    node.graph = &g;
    node.op = row->op;
    for (const std::string& name : g.inputs) {
      const auto at = names_.find(name);
      expect(at != names_.end(), "input \"" + name + "\" is no earlier node");
      node.inputs.push_back(at->second);
    }
    const auto count = static_cast<int>(node.inputs.size());
    expect(row->inputs < 0 ? count >= 2 : count == row->inputs, "wrong number of inputs: " + std::to_string(count));
    infer(node);
    expect(node.type.numel() > 0 && node.type.numel() <= kMaxValueElements,
           "its result has " + std::to_string(node.type.numel()) + " elements; expected 1 to " +
               std::to_string(kMaxValueElements));
    total_ += node.type.numel();
    expect(total_ <= kMaxTotalElements, "the values of all nodes together are too large");
    expect(names_.emplace(g.name, nodes_.size()).second, "its name is used twice");
    nodes_.push_back(std::move(node));
  }

  const ValueType& in(const Node& n, std::size_t i = 0) const { return nodes_[n.inputs[i]].type; }

  i64 attribute(std::string_view key, i64 lowest) const { return limited(key, g_->integer(key), lowest); }
  i64 attribute(std::string_view key, i64 lowest, i64 fallback) const {
    return limited(key, g_->integer(key, fallback), lowest);
  }
  i64 limited(std::string_view key, i64 v, i64 lowest) const {
    expect(v >= lowest && v <= kMaxAttribute, "expected " + std::string(key) + " in " + std::to_string(lowest) +
                                                  " .. " + std::to_string(kMaxAttribute) + "; got " +
                                                  std::to_string(v));
    return v;
  }

  const Blob* find(const std::string& what, Blob::Kind kind, const Shape& shape, bool required) const {
    const auto it = model_.blobs.find(g_->name + "." + what);
    if (it == model_.blobs.end()) {
      expect(!required, "the blob \"" + g_->name + "." + what + "\" is missing");
      return nullptr;
    }
    const Blob& b = it->second;
    expect(b.kind == kind && b.shape == shape, "blob \"" + it->first + "\": expected " + std::string(name_of(kind)) +
                                                   " " + shape.str() + "; got " + std::string(name_of(b.kind)) + " " +
                                                   b.shape.str());
    const auto n = static_cast<std::size_t>(shape.numel());
    expect(b.f32.size() + b.i32.size() + b.codes.size() == n, "blob \"" + it->first + "\" is inconsistent");
    return &b;
  }
  std::span<const float> floats(const std::string& what, const Shape& shape, bool required, bool finite = true) const {
    const Blob* b = find(what, Blob::Kind::kF32, shape, required);
    if (!b) return {};
    for (const float f : b->f32) {
      expect(finite ? std::isfinite(f) : !std::isnan(f),
             "blob \"" + g_->name + "." + what + "\" holds a value that is not " + (finite ? "finite" : "a number"));
    }
    return b->f32;
  }

  void code_range(ValueType& t) const {
    const i64 lo = g_->integer("lo"), hi = g_->integer("hi");
    expect(lo >= -128 && hi <= 127 && lo < hi, "expected -128 <= lo < hi <= 127");
    const std::vector<float> step = g_->numbers("step");
    expect(step.size() == 1 && std::isfinite(step[0]) && step[0] > 0, "expected one finite step > 0");
    t.lo = static_cast<int>(lo);
    t.hi = static_cast<int>(hi);
    t.step = step[0];
  }

  std::pair<i64, i64> kernel() const {
    const Shape k = Shape::parse(g_->text("kernel"));
    expect(k.rank() == 1 || k.rank() == 2, "expected kernel=R or RxS");
    return {limited("kernel", k[0], 1), limited("kernel", k[-1], 1)};
  }

  void infer(Node& n) {
    switch (n.op) {
      case Op::kInput:
        return input(n);
      case Op::kConv:
        return conv(n);
      case Op::kLinear:
        return linear(n);
      case Op::kAffine:
        return affine(n);
      case Op::kQuantize:
        return quantize(n);
      case Op::kRelu:
      case Op::kHardtanh:
        n.type = {in(n).shape};
        return;
      case Op::kPrelu:
        return prelu(n);
      case Op::kMaxPool:
      case Op::kAvgPool:
        return pool(n);
      case Op::kGlobalAvgPool:
        image(n);
        n.type = {Shape{in(n).channels(), 1, 1}};
        return;
      case Op::kFlatten:
        n.type = in(n);
        n.type.shape = {in(n).numel()};
        return;
      case Op::kAdd:
        return add_values(n);
      case Op::kConcat:
        return concat(n);
      case Op::kShuffle:
        return shuffle(n);
      case Op::kPadChannels:
        return pad_channels(n);
      case Op::kShift:
        return shift(n);
      case Op::kZero:
        return zero(n);
      case Op::kOr:
      case Op::kTgap:
      case Op::kMux:
        return logic(n);
    }
  }

  void image(const Node& n) const {
    for (std::size_t i = 0; i < n.inputs.size(); ++i) {
      expect(in(n, i).shape.rank() == 3, "expected an input of shape CxHxW; got " + in(n, i).shape.str());
    }
  }

  void input(Node& n) {
    expect(nodes_.empty(), "expected one input, as the first node");
    n.type.shape = Shape::parse(g_->text("shape"));
    expect(n.type.shape.rank() == 3 && n.type.numel() > 0, "expected shape=CxHxW; got " + n.type.shape.str());
    const auto channels = static_cast<std::size_t>(n.type.shape[0]);
    n.mean = g_->has("mean") ? g_->numbers("mean") : std::vector<float>(channels, 0.0f);
    n.std = g_->has("std") ? g_->numbers("std") : std::vector<float>(channels, 1.0f);
    expect(n.mean.size() == channels && n.std.size() == channels, "expected one mean and one std a channel");
    for (std::size_t c = 0; c < channels; ++c) {
      expect(std::isfinite(n.mean[c]) && std::isfinite(n.std[c]) && n.std[c] > 0, "expected finite means and stds > 0");
    }
  }

  void conv(Node& n) {
    image(n);
    const ValueType& x = in(n);
    kernels::ConvShape& d = n.conv;
    d.channels = x.channels();
    d.height = x.height();
    d.width = x.width();
    d.outputs = attribute("out", 1);
    std::tie(d.kernel_h, d.kernel_w) = kernel();
    d.stride_h = d.stride_w = attribute("stride", 1, 1);
    d.pad_h = d.pad_w = attribute("pad", 0, 0);
    if (g_->has("pad_code")) pad_code(n);
    d.dilation_h = d.dilation_w = attribute("dilation", 1, 1);
    d.groups = attribute("groups", 1, 1);
    expect(d.channels % d.groups == 0 && d.outputs % d.groups == 0,
           "groups=" + std::to_string(d.groups) + " does not divide " + std::to_string(d.channels) + " inputs and " +
               std::to_string(d.outputs) + " outputs");
    const i64 padded_h = d.height + 2 * d.pad_h, padded_w = d.width + 2 * d.pad_w;
    expect(
        padded_h <= kMaxAttribute && padded_w <= kMaxAttribute && padded_h * padded_w <= kMaxValueElements / d.channels,
        "the padded image is too large");
    expect(d.dilation_h * (d.kernel_h - 1) < padded_h && d.dilation_w * (d.kernel_w - 1) < padded_w,
           "the kernel does not fit the padded image of " + x.shape.str());
    weights(n, Shape{d.outputs, d.channels / d.groups, d.kernel_h, d.kernel_w});
    n.type.shape = {d.outputs, d.out_height(), d.out_width()};
  }

  void pad_code(Node& n) {
    const ValueType& x = in(n);
    const i64 code = g_->integer("pad_code");
    expect(x.is_codes() && code >= x.lo && code <= x.hi,
           "expected pad_code among the codes of the input; got " + std::to_string(code));
    n.pad_code = static_cast<int>(code);
    n.pad_value = exact::dequantize(n.pad_code, x.step);
  }

  void linear(Node& n) {
    expect(in(n).shape.rank() == 1, "expected an input of one dimension (flatten it first); got " + in(n).shape.str());
    n.conv.channels = in(n).numel();
    n.conv.outputs = attribute("out", 1);
    weights(n, Shape{n.conv.outputs, n.conv.channels});
    n.type.shape = {n.conv.outputs};
  }

  void weights(Node& n, const Shape& shape) {
    const Shape per_output{n.conv.outputs};
    const std::string kind = g_->text("weights", "f32");
    expect(kind == "f32" || kind == "codes", "expected weights=f32 or codes; got \"" + kind + "\"");
    const bool fused = g_->has("epilogue");
    if (fused) expect(g_->text("epilogue") == "threshold", "expected epilogue=threshold; got " + g_->text("epilogue"));
    if (kind == "f32") {
      expect(!fused, "epilogue=threshold needs weights=codes");
      n.weight_floats = floats("weight", shape, true);
    } else {
      n.weight_codes = find("weight", Blob::Kind::kCodes, shape, true)->codes;
      for (const std::int8_t w : n.weight_codes) expect(w > -128, "weight codes below -127 are not allowed");
      n.scale_pos = floats("scale_pos", per_output, false);
      n.scale_neg = floats("scale_neg", per_output, false);
      expect(n.scale_neg.empty() || !n.scale_pos.empty(), "scale_neg without scale_pos");
      if (std::equal(n.scale_pos.begin(), n.scale_pos.end(), n.scale_neg.begin(), n.scale_neg.end())) n.scale_neg = {};
      if (in(n).is_codes()) sums_fit(n);
    }
    if (g_->flag("bias", false)) n.bias = floats("bias", per_output, true);
    if (!fused) {
      for (const char* key : {"lo", "hi", "step"}) expect(!g_->has(key), std::string(key) + " without epilogue");
      return;
    }
    expect(in(n).is_codes() && !n.two_scales(), "epilogue=threshold needs codes as input and a single scale");
    code_range(n.type);
    const i64 levels = n.type.hi - n.type.lo;
    n.thresholds = find("thresholds", Blob::Kind::kI32, Shape{n.conv.outputs, levels}, true)->i32;
    if (const Blob* b = find("flip", Blob::Kind::kCodes, per_output, false)) n.flip = b->codes;
    for (const std::int8_t f : n.flip) expect(f == 0 || f == 1, "expected flips of 0 or 1");
    for (i64 o = 0; o < n.conv.outputs; ++o) {
      const auto row = n.thresholds.subspan(static_cast<std::size_t>(o * levels), static_cast<std::size_t>(levels));
      const bool flipped = !n.flip.empty() && n.flip[static_cast<std::size_t>(o)] != 0;
      expect(flipped ? std::is_sorted(row.rbegin(), row.rend()) : std::is_sorted(row.begin(), row.end()),
             "expected thresholds in ascending order (descending where flipped)");
    }
  }

  // Every partial sum of an output is at most sum |w| * max |x|.
  void sums_fit(const Node& n) const {
    const i64 largest = std::max(std::abs(in(n).lo), std::abs(in(n).hi)), k = n.conv.k();
    for (i64 o = 0; o < n.conv.outputs; ++o) {
      i64 sum = 0;
      for (i64 i = o * k; i < (o + 1) * k; ++i)
        sum += std::abs(static_cast<int>(n.weight_codes[static_cast<std::size_t>(i)]));
      expect(sum * largest < std::numeric_limits<std::int32_t>::max(), "its integer sums could overflow 32 bits");
    }
  }

  void affine(Node& n) {
    const Shape channels{in(n).channels()};
    n.k1 = floats("k1", channels, true);
    n.k0 = floats("k0", channels, true);
    n.type = {in(n).shape};
  }

  void quantize(Node& n) {
    n.type.shape = in(n).shape;
    code_range(n.type);
    n.float_thresholds = floats("thresholds", Shape{n.type.hi - n.type.lo}, true, false);
    expect(std::is_sorted(n.float_thresholds.begin(), n.float_thresholds.end()), "expected ascending thresholds");
  }

  void prelu(Node& n) {
    n.type = {in(n).shape};
    const auto it = model_.blobs.find(g_->name + ".slope");
    const bool shared = it != model_.blobs.end() && it->second.shape == Shape{1};
    n.slope = floats("slope", Shape{shared ? 1 : in(n).channels()}, true);
  }

  void pool(Node& n) {
    image(n);
    kernels::PoolShape& d = n.pool;
    d.channels = in(n).channels();
    d.height = in(n).height();
    d.width = in(n).width();
    d.kernel = attribute("kernel", 1);
    d.stride = attribute("stride", 1, d.kernel);
    d.pad = attribute("pad", 0, 0);
    d.ceil = g_->flag("ceil", false);
    d.count_pad = n.op == Op::kAvgPool && g_->flag("count_pad", false);
    expect(2 * d.pad <= d.kernel, "expected pad <= kernel / 2");
    expect(d.kernel <= d.height + 2 * d.pad && d.kernel <= d.width + 2 * d.pad,
           "the window does not fit " + in(n).shape.str());
    const Shape shape{d.channels, d.out_height(), d.out_width()};
    n.type = n.op == Op::kMaxPool ? in(n) : ValueType{};
    n.type.shape = shape;
  }

  void add_values(Node& n) {
    for (std::size_t i = 0; i < n.inputs.size(); ++i) {
      expect(in(n, i).shape == in(n).shape,
             "expected equal shapes; got " + in(n).shape.str() + " and " + in(n, i).shape.str());
    }
    n.type.shape = in(n).shape;
  }

  void concat(Node& n) {
    image(n);
    i64 channels = 0;
    bool codes = true;
    const ValueType& first = in(n);
    for (std::size_t i = 0; i < n.inputs.size(); ++i) {
      const ValueType& x = in(n, i);
      expect(x.height() == first.height() && x.width() == first.width(),
             "expected equal heights and widths; got " + first.shape.str() + " and " + x.shape.str());
      channels += x.channels();
      codes = codes && x.is_codes() && x.step == first.step && x.lo == first.lo && x.hi == first.hi;
    }
    if (codes) n.type = first;
    n.type.shape = first.shape.with(0, channels);
  }

  void shuffle(Node& n) {
    image(n);
    n.type = in(n);
    n.groups = attribute("groups", 1);
    expect(n.type.channels() % n.groups == 0, "groups=" + std::to_string(n.groups) + " does not divide " +
                                                  std::to_string(n.type.channels()) + " channels");
  }

  void pad_channels(Node& n) {
    image(n);
    n.front = attribute("front", 0);
    n.stride = attribute("stride", 1, 1);
    const i64 channels = n.front + in(n).channels() + attribute("back", 0);
    n.type.shape = {channels, (in(n).height() + n.stride - 1) / n.stride, (in(n).width() + n.stride - 1) / n.stride};
  }

  void shift(Node& n) {
    image(n);
    n.by = attribute("by", 0);
    expect(n.by <= in(n).height() && n.by <= in(n).width(), "expected by within the image of " + in(n).shape.str());
    if (g_->has("pad_code")) pad_code(n);
    expect(!in(n).is_codes() || (n.pad_code >= in(n).lo && n.pad_code <= in(n).hi),
           "expected a pad_code, since 0 is no code of the input");
    n.type = in(n);
  }

  void zero(Node& n) {
    image(n);
    n.stride = attribute("stride", 1, 1);
    n.type.shape = {in(n).channels(), (in(n).height() + n.stride - 1) / n.stride,
                    (in(n).width() + n.stride - 1) / n.stride};
  }

  void logic(Node& n) {
    image(n);
    for (std::size_t i = 0; i < n.inputs.size(); ++i) {
      expect(in(n, i).is_codes() && in(n, i).lo == 0 && in(n, i).hi == 1, "expected codes 0..1 as inputs");
      const bool gate = n.op == Op::kMux && i == 2;
      const Shape want = gate ? Shape{in(n).channels(), 1, 1} : in(n).shape;
      expect(in(n, i).shape == want, "expected an input of shape " + want.str() + "; got " + in(n, i).shape.str());
    }
    n.type = in(n);
    if (n.op == Op::kTgap) n.type.shape = {in(n).channels(), 1, 1};
  }

  const packed::Model& model_;
  const GraphNode* g_ = nullptr;
  std::vector<Node> nodes_;
  std::unordered_map<std::string_view, std::size_t> names_;
  i64 total_ = 0;
};

}  // namespace

std::vector<Node> check_model(const packed::Model& model) { return Checker(model).run(); }

}  // namespace tern::infer

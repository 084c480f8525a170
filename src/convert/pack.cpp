// pack: walks the graph of a trained network and writes the packed one, node by node. Most ops carry over with their
// attributes; what needs thought is the chain
//
//   conv2d or linear (codes, one scale) -> [batch_norm] -> [act kind=relu] -> quantize
//
// each link read by the next one only, which becomes a single node with integer thresholds (packed::fold_thresholds),
// and batch norm, whose four vectors become the two that evaluation multiplies with.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "infer/node.hpp"
#include "kernels/exact.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

using packed::Blob;

std::string float_text(float v) {
  char buffer[32];
  const auto r = std::to_chars(buffer, buffer + sizeof buffer, v);
  return {buffer, r.ptr};
}

std::vector<float> floats(const Tensor& t) {
  const auto s = t.span<float>();
  return {s.begin(), s.end()};
}

class Packer {
 public:
  explicit Packer(const Network& network) : network_(network), nodes_(network.graph().nodes()) {}

  packed::Model run(const std::map<std::string, std::string>& meta) {
    model_.meta = meta;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!done_.contains(nodes_[i].name)) pack_node(i);
    }
    return std::move(model_);
  }

 private:
  // ---- one node at a time ----

  void pack_node(std::size_t i) {
    const GraphNode& node = nodes_[i];
    if (node.op == "conv2d" || node.op == "linear") return pack_multiply(i);
    if (node.op == "batch_norm") return pack_batch_norm(i);
    if (node.op == "quantize") return pack_quantize(i);
    if (node.op == "act") return pack_act(i);
    if (node.op == "dropout" || node.op == "drop_path") return pass_through(i);
    if (node.op == "shift") return pack_shift(i);
    if (node.op == "or" || node.op == "mux" || node.op == "tgap") return pack_gate(i);
    static const std::vector<std::string> same{"input", "max_pool", "avg_pool",        "global_avg_pool", "flatten",
                                               "add",   "concat",   "channel_shuffle", "pad_channels",    "zero"};
    if (std::find(same.begin(), same.end(), node.op) == same.end()) {
      throw ValueError("[pack] node \"" + node.name + "\": the op \"" + node.op + "\" has no packed form");
    }
    emit(i, node.op, node.attrs);
  }

  // Their other keys concern the gradient.
  void pack_gate(std::size_t i) {
    if (nodes_[i].flag("real", false)) {
      throw ValueError("[pack] node \"" + nodes_[i].name + "\": a gate of real values (real=1) has no packed form");
    }
    emit(i, nodes_[i].op, {});
  }

  void pack_shift(std::size_t i) {
    std::vector<std::pair<std::string, std::string>> attrs{{"by", nodes_[i].text("by")}};
    const std::optional<Range> in = range_of_input(i);
    if (in && in->pad != 0) attrs.emplace_back("pad_code", std::to_string(in->pad));
    emit(i, "shift", std::move(attrs));
    note_range(i, in);
  }

  void pass_through(std::size_t i) {
    packed_name_[nodes_[i].name] = packed_name_.at(nodes_[i].inputs.at(0));
    note_range(i, range_of_input(i));
  }

  // Adds the packed node that computes the value of network node `i`, reading what network node `from` reads.
  GraphNode& emit(std::size_t i, const std::string& op, std::vector<std::pair<std::string, std::string>> attrs,
                  std::optional<std::size_t> from = std::nullopt) {
    std::vector<std::string> inputs;
    for (const std::string& name : nodes_[from.value_or(i)].inputs) inputs.push_back(packed_name_.at(name));
    const std::string& name = nodes_[i].name;
    model_.graph.add(op, std::move(inputs), std::move(attrs), name);
    packed_name_[name] = name;
    done_[name] = true;
    GraphNode& added = model_.graph.nodes().back();
    added.set("value_of", name);
    if (op == "max_pool" || op == "flatten" || op == "concat" || op == "channel_shuffle" || op == "or" || op == "mux" ||
        op == "tgap") {
      note_range(i, range_of_input(i));
    }
    return added;
  }

  void blob(const std::string& node, const std::string& name, Blob value) {
    model_.blobs.emplace(node + "." + name, std::move(value));
  }

  // ---- ranges of codes: nullopt for real values ----

  struct Range {
    int lo, hi;
    float step;
    int pad;  // code of padded pixels
    bool operator==(const Range&) const = default;
  };
  static Range range_of(const ActQuantizer& q) { return {q.lo(), q.hi(), q.step(), q.code(0.0f)}; }
  void note_range(std::size_t i, std::optional<Range> r) { ranges_[nodes_[i].name] = r; }
  std::optional<Range> range(const std::string& name) const {
    const auto it = ranges_.find(name);
    return it == ranges_.end() ? std::nullopt : it->second;
  }
  std::optional<Range> range_of_input(std::size_t i) const {
    const auto& in = nodes_[i].inputs;
    if (in.empty()) return std::nullopt;
    const std::optional<Range> first = range(in[0]);
    for (const std::string& name : in) {
      if (range(name) != first) return std::nullopt;
    }
    return first;
  }

  // ---- convolution and dense layers ----

  void pack_multiply(std::size_t i) {
    const GraphNode& node = nodes_[i];
    Layer& layer = network_.layer(i);
    std::vector<std::pair<std::string, std::string>> attrs;
    for (const char* key : {"out", "kernel", "stride", "pad", "dilation", "groups"}) {
      if (node.has(key)) attrs.emplace_back(key, node.text(key));
    }
    const std::optional<Range> in = range_of_input(i);
    if (in && in->pad != 0 && node.integer("pad", 0) > 0) attrs.emplace_back("pad_code", std::to_string(in->pad));
    const Tensor bias = find_parameter(layer, "bias");
    const WeightQuantizer* quantizer = layer.weight_quantizer();
    if (!quantizer) {
      attrs.emplace_back("weights", "f32");
      attrs.emplace_back("bias", bias.defined() ? "1" : "0");
      emit(i, node.op, std::move(attrs));
      blob(node.name, "weight", Blob::of_floats(layer.weight().shape(), floats(layer.weight())));
      if (bias.defined()) blob(node.name, "bias", Blob::of_floats(bias.shape(), floats(bias)));
      return;
    }
    const WeightCodes codes = quantizer->deploy(layer.weight());
    attrs.emplace_back("weights", "codes");
    if (in && codes.single_scale()) {
      if (const auto chain = chain_to_quantizer(i)) return pack_folded(i, *chain, codes, bias, *in, std::move(attrs));
    }
    attrs.emplace_back("bias", bias.defined() ? "1" : "0");
    emit(i, node.op, std::move(attrs));
    const Shape outputs{codes.shape[0]};
    blob(node.name, "weight", Blob::of_codes(codes.shape, codes.codes));
    const bool unscaled = codes.single_scale() && std::all_of(codes.scale_pos.begin(), codes.scale_pos.end(),
                                                              [](float s) { return s == 1.0f; });
    if (!unscaled) blob(node.name, "scale_pos", Blob::of_floats(outputs, codes.scale_pos));
    if (!codes.single_scale()) blob(node.name, "scale_neg", Blob::of_floats(outputs, codes.scale_neg));
    if (bias.defined()) blob(node.name, "bias", Blob::of_floats(outputs, floats(bias)));
  }

  // The nodes between a multiplication and the quantizer that reads its result, if each has one reader.
  struct Chain {
    std::optional<std::size_t> batch_norm, relu;
    std::size_t quantize = 0;
  };
  std::optional<Chain> chain_to_quantizer(std::size_t i) const {
    Chain chain;
    while (true) {
      const std::vector<std::size_t> readers = network_.graph().consumers(i);
      if (readers.size() != 1) return std::nullopt;
      i = readers[0];
      const GraphNode& node = nodes_[i];
      if (node.op == "quantize") {
        chain.quantize = i;
        return chain;
      }
      if (node.op == "batch_norm" && !chain.batch_norm && !chain.relu)
        chain.batch_norm = i;
      else if (node.op == "act" && node.text("kind") == "relu" && !chain.relu)
        chain.relu = i;
      else
        return std::nullopt;
    }
  }

  void pack_folded(std::size_t i, const Chain& chain, const WeightCodes& codes, const Tensor& bias, const Range& in,
                   std::vector<std::pair<std::string, std::string>> attrs) {
    const ActQuantizer& next = *network_.layer(chain.quantize).act_quantizer();
    const std::vector<float> thresholds = next.thresholds();
    const std::int64_t outputs = codes.shape[0];
    const std::int64_t k = codes.shape.numel() / outputs;
    const std::int64_t reach = k * codes.max_code * std::max(std::abs(in.lo), std::abs(in.hi));
    std::vector<exact::Affine> affine;
    if (chain.batch_norm) affine = affine_of(*chain.batch_norm);
    std::vector<std::int32_t> folded;
    std::vector<std::int8_t> flips;
    for (std::int64_t o = 0; o < outputs; ++o) {
      const auto c = static_cast<std::size_t>(o);
      packed::ChannelExpression e;
      e.scale_step = exact::scale_step(codes.scale_pos[c], in.step);
      if (bias.defined()) {
        e.has_bias = true;
        e.bias = bias.data<float>()[c];
      }
      if (chain.batch_norm) {
        e.has_affine = true;
        e.k1 = affine[c].k1;
        e.k0 = affine[c].k0;
      }
      if (chain.relu) e.act = packed::ChannelExpression::Act::kRelu;
      const packed::FoldedChannel f = packed::fold_thresholds(e, thresholds, static_cast<std::int32_t>(reach));
      folded.insert(folded.end(), f.thresholds.begin(), f.thresholds.end());
      flips.push_back(f.flip ? 1 : 0);
    }
    attrs.emplace_back("epilogue", "threshold");
    attrs.emplace_back("lo", std::to_string(next.lo()));
    attrs.emplace_back("hi", std::to_string(next.hi()));
    attrs.emplace_back("step", float_text(next.step()));
    emit(chain.quantize, nodes_[i].op, std::move(attrs), i);
    const std::string& name = nodes_[chain.quantize].name;
    blob(name, "weight", Blob::of_codes(codes.shape, codes.codes));
    blob(name, "thresholds", Blob::of_ints(Shape{outputs, next.hi() - next.lo()}, std::move(folded)));
    blob(name, "flip", Blob::of_codes(Shape{outputs}, std::move(flips)));
    for (const auto& link : {std::optional(i), chain.batch_norm, chain.relu}) {
      if (link) done_[nodes_[*link].name] = true;
    }
    note_range(chain.quantize, range_of(next));
  }

  // ---- what follows them ----

  static Tensor find_parameter(Layer& layer, const std::string& name) {
    for (const Parameter& p : layer.parameters()) {
      if (p.name == name) return p.value;
    }
    return {};
  }

  std::vector<exact::Affine> affine_of(std::size_t i) const {
    Layer& layer = network_.layer(i);
    const Tensor gamma = find_parameter(layer, "gamma"), beta = find_parameter(layer, "beta");
    Tensor mean, var;
    for (const NamedTensor& b : layer.buffers()) (b.name == "running_mean" ? mean : var) = b.value;
    const auto eps = static_cast<float>(nodes_[i].number("eps", 1e-5));
    std::vector<exact::Affine> out;
    for (std::int64_t c = 0; c < mean.numel(); ++c) {
      out.push_back(exact::batch_norm(gamma.defined() ? gamma.data<float>()[c] : 1.0f,
                                      beta.defined() ? beta.data<float>()[c] : 0.0f, mean.data<float>()[c],
                                      var.data<float>()[c], eps));
    }
    return out;
  }

  void pack_batch_norm(std::size_t i) {
    emit(i, "affine", {});
    std::vector<float> k1, k0;
    for (const exact::Affine& a : affine_of(i)) {
      k1.push_back(a.k1);
      k0.push_back(a.k0);
    }
    const Shape channels{static_cast<std::int64_t>(k1.size())};
    blob(nodes_[i].name, "k1", Blob::of_floats(channels, std::move(k1)));
    blob(nodes_[i].name, "k0", Blob::of_floats(channels, std::move(k0)));
  }

  void pack_quantize(std::size_t i) {
    const ActQuantizer& q = *network_.layer(i).act_quantizer();
    std::vector<float> thresholds = q.thresholds();
    const auto n = static_cast<std::int64_t>(thresholds.size());
    emit(i, "quantize",
         {{"lo", std::to_string(q.lo())}, {"hi", std::to_string(q.hi())}, {"step", float_text(q.step())}});
    blob(nodes_[i].name, "thresholds", Blob::of_floats(Shape{n}, std::move(thresholds)));
    note_range(i, range_of(q));
  }

  void pack_act(std::size_t i) {
    const std::string kind = nodes_[i].text("kind");
    if (kind == "none") return pass_through(i);
    if (kind != "relu" && kind != "hardtanh" && kind != "prelu") {
      throw ValueError("[pack] node \"" + nodes_[i].name + "\": the activation \"" + kind + "\" has no packed form");
    }
    emit(i, kind, {});
    if (kind == "prelu") {
      const Tensor slope = find_parameter(network_.layer(i), "slope");
      blob(nodes_[i].name, "slope", Blob::of_floats(slope.shape(), floats(slope)));
    }
  }

  const Network& network_;
  const std::vector<GraphNode>& nodes_;
  packed::Model model_;
  std::map<std::string, std::string> packed_name_;
  std::map<std::string, bool> done_;
  std::map<std::string, std::optional<Range>> ranges_;
};

}  // namespace

packed::Model pack(const Network& network, const std::map<std::string, std::string>& meta) {
  if (network.training()) throw ValueError("[pack] expected a network in evaluation mode");
  packed::Model model = Packer(network).run(meta);
  try {
    infer::check_model(model);
  } catch (const FormatError& e) {
    throw ValueError(std::string("[pack] no session would load the result: ") + e.what());
  }
  return model;
}

}  // namespace tern

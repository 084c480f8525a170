#include "nas/cells.hpp"

#include <algorithm>

#include "core/names.hpp"
#include "tern/error.hpp"

namespace tern::nas {
namespace {

void expect_one_of(const std::vector<std::string>& known, const std::string& value, const std::string& what) {
  if (std::find(known.begin(), known.end(), value) == known.end())
    throw ValueError("[nas] " + unknown_name(what, value, known));
}

struct Output {
  std::string node;
  std::int64_t channels = 0;
};

class CellStack {
 public:
  CellStack(const CellOptions& options, bool searching)
      : o_(options), space_(space(options.space)), searching_(searching) {}

  Graph build(const std::function<void(Graph&)>& begin, const InnerBuilder& inner) {
    const std::string image = graph_.add("input", {}, {{"shape", o_.input.str()}}, "image");
    if (!o_.mean.empty()) graph_.nodes().front().set("mean", o_.mean);
    if (!o_.std.empty()) graph_.nodes().front().set("std", o_.std);
    if (begin) begin(graph_);
    before_last_ = last_ = stem(image);
    std::int64_t channels = o_.width;
    bool after_reduction = false;
    for (std::int64_t k = 0; k < o_.cells; ++k) {
      const bool reduction = is_reduction(o_, k);
      if (reduction) channels *= 2;
      const Output out = cell(k, reduction, channels, after_reduction, inner);
      before_last_ = last_;
      last_ = out;
      after_reduction = reduction;
    }
    const std::string pooled = graph_.add("global_avg_pool", {last_.node}, {}, "avgpool");
    graph_.add("linear", {graph_.add("flatten", {pooled}, {}, "flatten")}, {{"out", std::to_string(o_.classes)}}, "fc");
    return std::move(graph_);
  }

 private:
  EdgePlace place(const std::string& prefix, bool quantized) {
    return {.graph = graph_,
            .input = {},
            .prefix = prefix,
            .searching = searching_,
            .weights = quantized ? o_.weights : "none",
            .acts = quantized ? o_.acts : "none"};
  }

  Output stem(const std::string& image) {
    const EdgePlace at = place("stem", false);
    const ConvSpec conv{.out = 3 * o_.width, .kernel = 3, .pad = 1};
    if (space_.norm_first) return {add_conv(at, "_conv", add_norm(at, "_bn", image), conv), conv.out};
    return {add_norm(at, "_bn", add_conv(at, "_conv", image, conv)), conv.out};
  }

  Output cell(std::int64_t k, bool reduction, std::int64_t channels, bool after_reduction, const InnerBuilder& inner) {
    const std::string name = "c" + std::to_string(k);
    const bool one_input = o_.cell_template == "resnet";
    CellPlace at{.index = k, .reduction = reduction, .channels = channels, .inputs = {}, .edge = place(name, true)};
    at.edge.channels = channels;
    at.inputs[0] =
        preprocess(name + "_pre0", one_input ? last_ : before_last_, channels, after_reduction && !one_input);
    at.inputs[1] = preprocess(name + "_pre1", last_, channels, false);
    const std::string joined = join(inner(at), channels, name);
    const std::string skipped = k > 0 && o_.cell_template != "darts" ? skip(name, reduction, channels) : std::string();
    if (joined.empty() && skipped.empty()) {
      throw ValueError("[nas] cell " + std::to_string(k) +
                       " has no result: all its operations are zero and there is no skip");
    }
    const Output out{.node = joined.empty() ? skipped : joined, .channels = kInner * channels};
    if (joined.empty() || skipped.empty()) return out;
    return {graph_.add("add", {joined, skipped}, {}, name), out.channels};
  }

  std::string preprocess(const std::string& prefix, const Output& x, std::int64_t channels, bool halve) {
    const bool quantized = !(searching_ && space_.float_preprocess);
    const EdgePlace at = place(prefix, quantized);
    const ConvSpec conv =
        halve ? ConvSpec{.out = channels, .kernel = 3, .stride = 2, .pad = 1} : ConvSpec{.out = channels, .kernel = 1};
    if (space_.norm_first) return add_norm_sign_conv_relu(at, x.node, conv, !searching_ && !halve);
    return add_act_conv_norm(at, x.node, conv);
  }

  // Zero nodes become zero channels around the others.
  std::string join(const std::array<std::string, kInner>& nodes, std::int64_t channels, const std::string& name) {
    std::vector<std::string> parts;
    std::int64_t front = 0;
    for (int i = 0; i < kInner;) {
      if (nodes[static_cast<std::size_t>(i)].empty()) {
        front += channels;
        ++i;
        continue;
      }
      std::string part = nodes[static_cast<std::size_t>(i)];
      std::int64_t back = 0;
      for (++i; i < kInner && nodes[static_cast<std::size_t>(i)].empty(); ++i) back += channels;
      if (front + back > 0) {
        part = graph_.add("pad_channels", {part}, {{"front", std::to_string(front)}, {"back", std::to_string(back)}},
                          name + "_pad" + std::to_string(parts.size()));
      }
      front = 0;
      parts.push_back(part);
    }
    if (parts.size() < 2) return parts.empty() ? std::string() : parts[0];
    return graph_.add("concat", std::move(parts), {}, name + "_cat");
  }

  std::string skip(const std::string& name, bool reduction, std::int64_t channels) {
    if (!reduction) return last_.node;
    const EdgePlace at = place(name + "_skip", o_.reduction_skip == "conv2x2_ternary");
    if (o_.reduction_skip == "avgpool_duplicate") {
      const std::string half = at.add("_pool", "avg_pool", last_.node, {{"kernel", "2"}, {"stride", "2"}});
      return graph_.add("concat", {half, half}, {}, name + "_skip");
    }
    std::string x = add_norm(at, "_bn", last_.node);
    if (at.acts != "none") x = add_act(at, "_act", x);
    return add_conv(at, "", x, {.out = kInner * channels, .kernel = 2, .stride = 2, .bias = true});
  }

  const CellOptions& o_;
  const SearchSpace space_;
  bool searching_;
  Graph graph_;
  Output before_last_, last_;
};

}  // namespace

const std::array<EdgeEnds, kEdges>& cell_edges() {
  static const std::array<EdgeEnds, kEdges> edges = [] {
    std::array<EdgeEnds, kEdges> out{};
    std::size_t e = 0;
    for (int to = kInputs; to < kInputs + kInner; ++to) {
      for (int from = 0; from < to; ++from) out[e++] = {from, to};
    }
    return out;
  }();
  return edges;
}

const std::vector<std::string>& cell_templates() {
  static const std::vector<std::string> all{"tas", "darts", "resnet"};
  return all;
}

const std::vector<std::string>& reduction_skips() {
  static const std::vector<std::string> all{"conv2x2_fp", "conv2x2_ternary", "avgpool_duplicate"};
  return all;
}

bool is_reduction(const CellOptions& options, std::int64_t cell) {
  return cell == options.cells / 3 || cell == 2 * options.cells / 3;
}

EdgePlace CellPlace::at(int from, const std::string& input, const std::string& prefix) const {
  return {.graph = edge.graph,
          .input = input,
          .prefix = prefix,
          .channels = channels,
          .stride = reduction && from < kInputs ? 2 : 1,
          .searching = edge.searching,
          .weights = edge.weights,
          .acts = edge.acts};
}

CellOptions completed(CellOptions o) {
  const SearchSpace s = space(o.space);
  if (o.cell_template.empty()) o.cell_template = s.cell_template;
  if (o.weights.empty()) o.weights = s.weights;
  if (o.acts.empty()) o.acts = s.acts;
  expect_one_of(cell_templates(), o.cell_template, "cell template");
  expect_one_of(reduction_skips(), o.reduction_skip, "reduction skip");
  const auto require = [](bool ok, const std::string& expected, std::int64_t got) {
    if (!ok) throw ValueError("[nas] expected " + expected + "; got " + std::to_string(got));
  };
  require(o.cells >= 3 && o.cells <= 1000, "3 to 1000 cells", o.cells);
  require(o.width >= 1 && o.width <= 4096, "a width in [1, 4096]", o.width);
  require(o.classes >= 1, "at least one class", o.classes);
  if (o.input.rank() != 3 || o.input.numel() == 0 || o.input[1] % 4 != 0 || o.input[2] % 4 != 0) {
    throw ShapeError("[nas] expected images CxHxW that can be halved twice, H and W divisible by 4; got " +
                     o.input.str());
  }
  return o;
}

Graph build_cells(const CellOptions& options, bool searching, const std::function<void(Graph&)>& begin,
                  const InnerBuilder& inner) {
  return CellStack(options, searching).build(begin, inner);
}

}  // namespace tern::nas

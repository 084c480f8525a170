#include "export/c/program.hpp"

#include <algorithm>
#include <cmath>

#include "export/c/arena.hpp"
#include "export/c/whole.hpp"
#include "kernels/exact.hpp"

namespace tern::c99 {
namespace {

// What a node is called in C: its name as an identifier that nothing else has, nor with the name of a table behind it.
class Names {
 public:
  explicit Names(const Prefix& prefix) : prefix_(prefix) {
    for (const char* own :
         {"run", "class", "class_names", "word", "count", "trace", "arena", "selftest", "score", "scores", "single"})
      taken_.insert(prefix.lower + "_" + own);
  }
  std::string of(const GraphNode& node) {
    std::string name = prefix_.lower + "_" + node.name;
    std::replace(name.begin(), name.end(), '.', '_');
    std::string unique = name;
    for (int n = 2; !free(unique); ++n) unique = name + "_" + std::to_string(n);
    for (const std::string& all : with_tables(unique)) taken_.insert(all);
    return unique;
  }

 private:
  static std::vector<std::string> with_tables(const std::string& name) {
    std::vector<std::string> out{name};
    for (const char* table :
         {"weight", "thresholds", "scale", "scale_pos", "scale_neg", "bias", "k1", "k0", "slope", "pad"})
      out.push_back(name + "_" + table);
    return out;
  }
  bool free(const std::string& name) const {
    const auto all = with_tables(name);
    return std::none_of(all.begin(), all.end(), [&](const std::string& n) { return taken_.contains(n); });
  }

  const Prefix& prefix_;
  std::set<std::string> taken_;
};

std::vector<int> readers(const std::vector<infer::Node>& nodes) {
  std::vector<int> out(nodes.size());
  for (const infer::Node& n : nodes) {
    for (const std::size_t in : n.inputs) ++out[in];
  }
  ++out.back();
  return out;
}

std::vector<bool> needed(const std::vector<infer::Node>& nodes) {
  std::vector<bool> out(nodes.size());
  out.back() = true;
  for (std::size_t i = nodes.size(); i-- > 0;) {
    for (const std::size_t in : nodes[i].inputs) out[in] = out[in] || out[i];
  }
  return out;
}

bool by_number(const infer::Node& n) { return !n.is_image() && emitter_of(n).walk == Walk::kNumber; }

// What the image's bytes become by the operations in `chain`: floats, or codes if the last one is a quantizer.
void tabulate(Program& p, std::size_t node, const std::vector<std::size_t>& chain) {
  std::vector<float> numbers = p.nodes[0].operation->byte_table();
  std::vector<std::int32_t> codes;
  const i64 channels = p.nodes[0].type.channels();
  for (const std::size_t i : chain) {
    const infer::Operation& op = *p.nodes[i].operation;
    if (const infer::Lane* lane = op.lane()) {
      for (i64 c = 0; c < channels; ++c)
        lane->row(numbers.data() + 256 * c, 256, infer::of_channel(lane->a, c), infer::of_channel(lane->b, c));
    } else {
      const infer::Thresholds& at = *op.thresholds();
      for (const float x : numbers) codes.push_back(exact::quantize(x, at.values, at.lo));
    }
  }
  const std::string remark = p.nodes[node].graph->name + ": what each byte becomes, by channel";
  const bool finite = std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); });
  if (codes.empty() && !finite)
    infer::refuse(*p.nodes[node].graph, "what bytes become is not finite in single precision");
  const std::string& name = p.names[node];
  p.image_tables.push_back(codes.empty() ? floats(name, remark, numbers) : integers(name, remark, codes));
  p.values[node].layout = Layout::kImage;
  p.values[node].table = name;
}

class Planner {
 public:
  explicit Planner(Program& p) : p_(p), readers_(readers(p.nodes)), needed_(needed(p.nodes)), done_(p.nodes.size()) {}

  void plan() {
    Names names(p_.prefix);
    for (std::size_t i = 0; i < p_.nodes.size(); ++i) {
      p_.names.push_back(names.of(*p_.nodes[i].graph));
      p_.memory.push_back(i);
      p_.values.push_back(stored(p_.nodes[i].type, p_.max_word));
    }
    for (std::size_t i = 0; i < p_.nodes.size(); ++i) {
      if (needed_[i] && !done_[i]) plan_node(i);
    }
    p_.result = p_.memory.back();
    if (p_.values.back().layout != Layout::kReal) add_result();
  }

 private:
  void plan_node(std::size_t i) {
    const infer::Node& n = p_.nodes[i];
    const std::size_t from = n.inputs.empty() ? i : p_.memory[n.inputs[0]];
    if (n.op->aliases) {
      p_.memory[i] = from;
      const infer::ValueType flat = n.type;
      p_.values[i] = p_.values[from];
      p_.values[i].type = flat;
      if (p_.values[i].layout == Layout::kReal || p_.values[i].layout == Layout::kCodes)
        p_.values[i].view = {flat.numel(), 1, 1};
      return;
    }
    if (n.is_image()) {
      if (reads_bytes(i)) tabulate(p_, i, {});
      p_.values[i].layout = Layout::kImage;
      return;
    }
    Step step{i, {}};
    std::size_t last = i;
    while (readers_[last] == 1 && last + 1 < p_.nodes.size() && !p_.nodes[last].type.is_codes()) {
      const std::size_t next = reader_of(last);
      if (next == p_.nodes.size() || !by_number(p_.nodes[next])) break;
      step.chain.push_back(last = next);
      done_[next] = true;
    }
    if (by_number(n) && p_.nodes[n.inputs[0]].is_image()) {
      step.chain.insert(step.chain.begin(), i);
      tabulate(p_, last, step.chain);
      return;
    }
    p_.steps.push_back(std::move(step));
  }

  // Whether anything needs the table of the image itself.
  bool reads_bytes(std::size_t image) const {
    for (std::size_t i = 0; i < p_.nodes.size(); ++i) {
      const auto& in = p_.nodes[i].inputs;
      if (needed_[i] && std::find(in.begin(), in.end(), image) != in.end() && !by_number(p_.nodes[i])) return true;
    }
    return image + 1 == p_.nodes.size();
  }

  std::size_t reader_of(std::size_t i) const {
    for (std::size_t k = i + 1; k < p_.nodes.size(); ++k) {
      if (std::find(p_.nodes[k].inputs.begin(), p_.nodes[k].inputs.end(), i) != p_.nodes[k].inputs.end()) return k;
    }
    return p_.nodes.size();
  }

  // Scores are real numbers: a last value of codes is read once more.
  void add_result() {
    p_.result = p_.nodes.size();
    p_.steps.push_back({p_.result, {}});
  }

  Program& p_;
  std::vector<int> readers_;
  std::vector<bool> needed_, done_;
};

// Whether each step but that of the scores makes codes of codes.
bool only_codes(const Program& p) {
  return std::all_of(p.steps.begin(), p.steps.end(), [&](const Step& s) {
    return s.last() == p.result || (s.chain.empty() && p.nodes[s.head].type.is_codes());
  });
}

std::optional<int> unit_of_scores(const Program& p) {
  if (!only_codes(p)) return std::nullopt;
  if (p.result == p.nodes.size()) {
    const infer::ValueType& last = p.values.back().type;
    return last.is_codes() ? unit_of(scaling(last)) : std::nullopt;
  }
  const auto step = std::find_if(p.steps.begin(), p.steps.end(), [&](const Step& s) { return s.last() == p.result; });
  const infer::Multiply* m = p.nodes[step->head].operation->multiply();
  if (!m || !step->chain.empty()) return std::nullopt;
  const infer::ValueType& in = p.values[p.nodes[step->head].inputs[0]].type;
  return on_codes(*m, in) ? unit_of(scaling(*m, in)) : std::nullopt;
}

void expect_small(const std::vector<infer::Node>& nodes) {
  constexpr i64 kMost = i64{1} << 24;
  for (const infer::Node& n : nodes) {
    const i64 weights =
        n.operation->multiply() ? n.operation->multiply()->shape.k() * n.operation->multiply()->shape.outputs : 0;
    if (n.type.numel() > kMost || weights > kMost)
      infer::refuse(*n.graph, "more than " + std::to_string(kMost) + " numbers are too many for C's 32-bit indices");
  }
}

}  // namespace

std::vector<std::size_t> Program::inputs(const Step& step) const {
  if (step.head == nodes.size()) return {step.head - 1};
  return emitter_of(nodes[step.head]).reads_inputs ? nodes[step.head].inputs : std::vector<std::size_t>{};
}

infer::NodeReader Program::reader(std::size_t i) const {
  std::vector<const infer::ValueType*> types;
  for (const std::size_t in : nodes[i].inputs) types.push_back(&nodes[in].type);
  return infer::NodeReader(model, *nodes[i].graph, types, i == 0);
}

Program plan(const packed::Model& model, const std::string& name, int max_word) {
  Program p{Prefix(name), model, infer::check_model(model), {}, {}, {}, {}, {}, 0, {}, max_word};
  expect_small(p.nodes);
  Planner(p).plan();
  p.unit = unit_of_scores(p);
  place(p);
  return p;
}

}  // namespace tern::c99

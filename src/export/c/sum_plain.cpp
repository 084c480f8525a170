// Sums weight after weight, in ascending order of channel, row and column: the order that sums of floats are defined
// by.
#include "export/c/ops/multiply.hpp"

namespace tern::c99 {
namespace {

// The input's channel that the group's channel `c` is.
std::string channel(const Layer& l, const std::string& c) {
  return l.d.groups == 1 ? c : plus(times(l.group(), l.d.channels / l.d.groups), c);
}

// Reads the weight into `weight`; returns the expression of its value.
std::string read_weight(const Layer& l, const std::string& at) {
  const Body& b = l.b;
  const std::string name = b.name + "_weight", layer = b.node.graph->name;
  const std::string index = plus(times(b.o, l.d.k()), at);
  const std::string shape =
      fmt::format("[{}][{}][{}][{}]", l.d.outputs, l.d.channels / l.d.groups, l.d.kernel_h, l.d.kernel_w);
  if (l.weights.empty()) return b.element(floats(name, layer + ": weights " + shape, l.m.floats), index);
  if (b.form == Form::kPlain) {
    const std::vector<std::int32_t> codes(l.weights.begin(), l.weights.end());
    return b.element(integers(name, layer + ": weights " + shape, codes), index);
  }
  const i64 row_words = (l.d.k() + kTritsAWord - 1) / kTritsAWord;
  const std::string word = plus(times(b.o, row_words), at == "0" ? "0" : "k / 10");
  const std::string element = b.element(
      trits(name, layer + ": weights " + shape + " plus 1, ten digits to the base 3 in a word", l.weights, l.d.k()),
      word);
  Code& c = b.code();
  if (at == "0") {
    c.line("const int32_t weight = (int32_t){} - 1;", element);
    return "weight";
  }
  c.open("if (k % 10 == 0)");
  c.line("trits = (int32_t){};", element);
  c.close();
  c.line("const int32_t weight = trits % 3 - 1;");
  c.line("trits /= 3;");
  c.line("k++;");
  return "weight";
}

// One product onto its sum.
void accumulate(const Layer& l, const std::string& weight, const std::string& x) {
  Code& c = l.b.code();
  const auto real = [&](const std::string& w) { return l.weights.empty() ? w : "(float)" + w; };
  if (!l.m.two_scales()) {
    if (l.integers)
      c.line("acc += {} * {};", weight, x);
    else
      c.line("acc = acc + (float)({} * {});", x, real(weight));
    return;
  }
  if (l.integers) {
    c.line("acc_pos += (({0} > 0) ? {0} : 0) * {1};", weight, x);
    c.line("acc_neg += (({0} < 0) ? -{0} : 0) * {1};", weight, x);
  } else {
    c.line("acc_pos = acc_pos + (float)({1} * (({0} > 0) ? (float){0} : 0.0f));", weight, x);
    c.line("acc_neg = acc_neg + (float)({1} * (({0} < 0) ? (float)-{0} : 0.0f));", weight, x);
  }
}

}  // namespace

void sum_plain(const Layer& l) {
  const Body& b = l.b;
  Code& c = b.code();
  declare_sums(l);
  const bool base3 = !l.weights.empty() && b.form == Form::kBase3;
  if (base3 && l.d.k() > 1) c.line("int32_t k = 0, trits = 0;");
  b.out.form = l.weights.empty() ? "fp32" : name_of(b.form);
  b.out.operations += static_cast<double>(l.d.macs());
  const std::string outside = !l.m.padded() || l.m.pad_code == 0 ? ""
                              : l.integers                       ? std::to_string(l.m.pad_code)
                                                                 : literal(l.m.pad_value);

  const Loop channels(c, "c", l.d.channels / l.d.groups), rows(c, "r", l.d.kernel_h),
      columns(c, "s", l.d.kernel_w, b.prefix.upper + "_PIPELINE");
  const bool windows = l.d.pad_h > 0 || l.d.pad_w > 0;
  std::string h = l.row(rows.at), w = l.column(columns.at);
  if (windows) {
    c.line("const int32_t h = {}, w = {};", h, w);
    h = "h";
    w = "w";
  }
  std::string weight = read_weight(l, l.tap(channels.at, rows.at, columns.at));
  const std::string pixel = plus(times(h, l.d.width), w), from = channel(l, channels.at);
  std::string x = l.integers ? b.in[0].code(from, pixel) : b.in[0].real(from, pixel);
  if (l.m.two_scales() && weight != "weight") {
    c.line("const int32_t weight = {};", weight);
    weight = "weight";
  }
  const std::string within = l.inside();
  if (!outside.empty()) {
    c.line("const {} x_hw = ({}) ? {} : {};", l.integers ? "int32_t" : "float", within, x, outside);
    accumulate(l, weight, "x_hw");
    return;
  }
  if (!within.empty()) c.open("if ({})", within);
  accumulate(l, weight, x);
  if (!within.empty()) c.close();
}

}  // namespace tern::c99

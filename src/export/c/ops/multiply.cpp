// conv2d and linear: the sum of products that one number of the result is made of, and what becomes of it. A dense
// layer is a convolution whose kernel covers its input. Outputs whose codes fall where sums rise ("flip") have their
// weights and thresholds negated here, so that C compares one way only.
#include "export/c/ops/multiply.hpp"

#include <algorithm>
#include <cstdlib>

#include "export/c/whole.hpp"

namespace tern::c99 {
namespace {

using infer::Multiply;

int largest(std::span<const std::int8_t> codes) {
  int most = 0;
  for (const std::int8_t w : codes) most = std::max(most, std::abs(static_cast<int>(w)));
  return most;
}

// code = lo + how many of the output's thresholds the sum reaches. Thresholds beyond every possible sum become the
// nearest that says the same, so that they fit smaller integers.
void threshold(const Layer& l) {
  constexpr i64 kUnrolled = 4;
  const Multiply& m = l.m;
  const infer::ValueType& type = l.b.node.type;
  const i64 levels = type.hi - type.lo, k = l.d.k();
  const i64 most = std::max(std::abs(l.in.value().type.lo), std::abs(l.in.value().type.hi));
  std::vector<std::int32_t> table(m.thresholds.begin(), m.thresholds.end());
  for (i64 o = 0; o < l.d.outputs; ++o) {
    i64 reach = 0;
    for (i64 i = o * k; i < (o + 1) * k; ++i)
      reach += most * std::abs(static_cast<i64>(m.codes[static_cast<std::size_t>(i)]));
    for (i64 j = o * levels; j < (o + 1) * levels; ++j) {
      const i64 t = m.thresholds[static_cast<std::size_t>(j)];
      const i64 up = l.flipped(o) ? (t == INT32_MIN ? INT32_MAX : -t) : t;
      table[static_cast<std::size_t>(j)] = static_cast<std::int32_t>(std::clamp(up, -reach, reach + 1));
    }
  }
  const Table t =
      integers(l.b.name + "_thresholds",
               fmt::format("{}: codes begin at these sums, {} an output", l.b.node.graph->name, levels), table);
  const std::string first = times(l.b.o, levels);
  Code& c = l.b.code();
  l.b.out.operations += static_cast<double>(levels) * static_cast<double>(type.numel());
  const auto reached = [&](const std::string& at) {
    return fmt::format("((acc >= {}) ? 1 : 0)", t.at(l.b.prefix, at));
  };
  l.b.out.tables.push_back(t);
  if (levels <= kUnrolled) {
    std::string sum = std::to_string(type.lo);
    for (i64 j = 0; j < levels; ++j) sum += " + " + reached(plus(first, j));
    c.line("code = {};", sum);
    return;
  }
  c.line("code = {};", type.lo);
  const Loop j(c, "j", levels);
  c.line("code += {};", reached(plus(first, j.at)));
}

// The score in units, rounded after every operation.
void whole(const Layer& l, const Scaling& s, int unit) {
  Code& c = l.b.code();
  l.b.out.helpers.insert("single");
  const auto rounded = [&](const std::string& what) { return l.b.prefix.lower + "_single(" + what + ")"; };
  const auto scaled = [&](const std::string& what, const std::vector<float>& factor, const std::string& sum) {
    return rounded(l.b.of_channel(what, in_units(factor, unit)) + " * " + sum);
  };
  if (l.m.two_scales()) {
    c.line("v = {};", rounded(scaled("scale_pos", s.factor, "acc_pos") + " - " +
                              scaled("scale_neg", s.negative_factor, "acc_neg")));
  } else {
    c.line("v = {};", scaled("scale", s.factor, "acc"));
  }
  if (!s.bias.empty()) c.line("v = {};", rounded("v + " + l.b.of_channel("bias", in_units(s.bias, unit))));
}

void finish(const Layer& l) {
  if (l.m.has_epilogue()) {
    threshold(l);
    return;
  }
  const Scaling s = scaling(l.m, l.in.value().type);
  if (l.b.unit) {
    whole(l, s, *l.b.unit);
    return;
  }
  const auto scaled = [&](const std::string& what, const std::vector<float>& factor, const std::string& sum) {
    const std::string real = l.integers ? "(float)" + sum : sum;
    return factor.empty() ? real : fmt::format("{} * {}", l.b.of_channel(what, factor), real);
  };
  Code& c = l.b.code();
  if (l.m.two_scales()) {
    c.line("v = (float)({}) - (float)({});", scaled("scale_pos", s.factor, "acc_pos"),
           scaled("scale_neg", s.negative_factor, "acc_neg"));
  } else {
    c.line("v = {};", scaled("scale", s.factor, "acc"));
  }
  if (!l.m.bias.empty()) c.line("v = v + {};", l.b.of_channel("bias", l.m.bias));
}

void multiply(const Body& b) {
  const Layer l(b);
  if (l.integers && b.form == Form::kBits)
    sum_bits(l);
  else
    sum_plain(l);
  finish(l);
}

}  // namespace

Layer::Layer(const Body& body)
    : b(body),
      m(*body.node.operation->multiply()),
      in(body.in[0]),
      d(m.on(infer::ValueType{in.value().view})),
      integers(on_codes(m, in.value().type)),
      weights(m.codes.begin(), m.codes.end()) {
  const i64 k = d.k();
  for (i64 o = 0; o < d.outputs; ++o) {
    if (!flipped(o)) continue;
    for (i64 i = o * k; i < (o + 1) * k; ++i) {
      std::int8_t& w = weights[static_cast<std::size_t>(i)];
      w = static_cast<std::int8_t>(-w);
    }
  }
}

std::string Layer::row(const std::string& r) const {
  return plus(plus(times(b.p, d.stride_h), times(r, d.dilation_h)), -d.pad_h);
}
std::string Layer::column(const std::string& s) const {
  return plus(plus(times(b.q, d.stride_w), times(s, d.dilation_w)), -d.pad_w);
}

std::string Layer::group() const {
  const i64 outputs = d.outputs / d.groups;
  return outputs == 1 ? b.o : b.o + " / " + std::to_string(outputs);
}

std::string Layer::inside() const {
  std::string out;
  if (d.pad_h > 0) out = fmt::format("h >= 0 && h < {}", d.height);
  if (d.pad_w > 0) out += fmt::format("{}w >= 0 && w < {}", out.empty() ? "" : " && ", d.width);
  return out;
}

void declare_sums(const Layer& l) {
  const std::string type = l.integers ? "int32_t" : "float", zero = l.integers ? "0" : "0.0f";
  if (l.m.two_scales())
    l.b.code().line("{0} acc_pos = {1}, acc_neg = {1};", type, zero);
  else
    l.b.code().line("{} acc = {};", type, zero);
}

bool can(Form form, const infer::Node& node, const Value& in) {
  constexpr int kMostProducts = 8;
  const Multiply* m = node.operation->multiply();
  if (!m || m->codes.empty()) return form == Form::kPlain;
  if (form == Form::kPlain) return true;
  const int most = largest(m->codes);
  if (form == Form::kBase3) return most <= 1;
  if (!on_codes(*m, in.type) || in.layout != Layout::kPlanes) return false;
  const i64 group = m->shape.channels / m->shape.groups;
  int digits = 0;
  while (most >= 1 << digits) ++digits;
  return digits * in.digits <= kMostProducts && (m->shape.groups == 1 || group % in.word_bits == 0);
}

const Emitter conv2d_c{multiply, Walk::kRows}, linear_c{multiply, Walk::kRows};

}  // namespace tern::c99

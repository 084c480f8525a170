// Sums by counting ones in words of channels. With digits a_i of the activation (the last one of negative worth) and
// digits m_j of the weight's magnitude, s being its sign:
//
//   sum x w = sum over i, j of worth(i) 2^j (#(a_i & m_j) - 2 #(a_i & m_j & s))
//
// Codes -1..1 are the digits "not zero" and "minus", and meet weights of one digit in two counts instead of four: with
// z = a_0 & m, the sum is #z - 2 #(z & (a_1 ^ s)).
#include <cstdlib>

#include "export/c/ops/multiply.hpp"

namespace tern::c99 {
namespace {

// The table: [output][row][column][word of channels][digits of the magnitude, then the sign]. What every weight has
// alike is left out: a single digit that is always 1, a sign that is always plus.
struct Planes {
  int digits = 0;
  bool magnitude = true, sign = false;

  explicit Planes(const Layer& l) {
    bool zeros = false;
    for (const std::int8_t w : l.weights) {
      while (std::abs(static_cast<int>(w)) >= 1 << digits) ++digits;
      zeros |= w == 0;
      sign |= w < 0;
    }
    magnitude = digits > 1 || zeros;
  }
  int words() const { return (magnitude ? digits : 0) + (sign ? 1 : 0); }
};

std::vector<std::uint64_t> pack(const Layer& l, const Planes& planes) {
  const int bits = l.in.value().word_bits;
  const i64 channels = l.d.channels / l.d.groups, taps = l.d.kernel_h * l.d.kernel_w,
            k_words = (channels + bits - 1) / bits;
  std::vector<std::uint64_t> out(static_cast<std::size_t>(l.d.outputs * taps * k_words * planes.words()));
  for (i64 o = 0; o < l.d.outputs; ++o) {
    for (i64 c = 0; c < channels; ++c) {
      for (i64 t = 0; t < taps; ++t) {
        const int w = l.weights[static_cast<std::size_t>((o * channels + c) * taps + t)];
        const std::uint64_t one = std::uint64_t{1} << (c % bits);
        std::uint64_t* at = &out[static_cast<std::size_t>(((o * taps + t) * k_words + c / bits) * planes.words())];
        for (int j = 0; planes.magnitude && j < planes.digits; ++j) *at++ |= std::abs(w) >> j & 1 ? one : 0;
        if (planes.sign && w < 0) *at |= one;
      }
    }
  }
  return out;
}

std::string worth(i64 factor, const std::string& count) {
  if (factor == 1) return "+= " + count;
  if (factor == -1) return "-= " + count;
  return factor < 0 ? fmt::format("-= {} * {}", -factor, count) : fmt::format("+= {} * {}", factor, count);
}

// Writes the counts of word `k` of the channels: of the pixel at `a`, and of the weights from `t` on.
class Counts {
 public:
  Counts(const Layer& l, const Planes& planes, const std::string& k)
      : l_(l),
        planes_(planes),
        in_(l.in.value()),
        c_(l.b.code()),
        a_(times(k, in_.digits)),
        t_(plus("t", times(k, planes.words()))) {}

  void write() const {
    if (planes_.sign) c_.line("const {0}_word minus = {1};", l_.b.prefix.lower, weight(planes_.words() - 1));
    const bool ternary = in_.digits == 2 && in_.negative && planes_.digits == 1;
    if (ternary && !l_.m.two_scales())
      ternary_counts();
    else
      all_counts();
  }

 private:
  std::string weight(int word) const {
    return fmt::format("({}_word){}_U{}({}_weight, {})", l_.b.prefix.lower, l_.b.prefix.upper, in_.word_bits, l_.b.name,
                       plus(t_, word));
  }
  std::string input(int digit) const { return fmt::format("({}_word)a[{}]", l_.b.prefix.lower, plus(a_, digit)); }
  std::string count(const std::string& word) const { return fmt::format("{}_count({})", l_.b.prefix.lower, word); }
  // The input's digit where the weight has digit j.
  std::string meeting(int i, int j) const { return planes_.magnitude ? input(i) + " & " + weight(j) : input(i); }

  void ternary_counts() const {
    c_.line("const {}_word z = {};", l_.b.prefix.lower, meeting(0, 0));
    const std::string opposite = planes_.sign ? "(" + input(1) + " ^ minus)" : input(1);
    c_.line("acc += {} - 2 * {};", count("z"), count("z & " + opposite));
  }

  void all_counts() const {
    for (int i = 0; i < in_.digits; ++i) {
      for (int j = 0; j < planes_.digits; ++j) {
        const i64 factor = in_.digit_worth(i) * (i64{1} << j);
        const std::string z = fmt::format("z{}{}", i, j);
        c_.line("const {}_word {} = {};", l_.b.prefix.lower, z, meeting(i, j));
        if (l_.m.two_scales()) {
          c_.line("acc_pos {};", worth(factor, count(planes_.sign ? z + " & ~minus" : z)));
          if (planes_.sign) c_.line("acc_neg {};", worth(factor, count(z + " & minus")));
        } else {
          c_.line("acc {};", worth(factor, planes_.sign ? fmt::format("({} - 2 * {})", count(z), count(z + " & minus"))
                                                        : count(z)));
        }
      }
    }
  }

  const Layer& l_;
  const Planes& planes_;
  const Value& in_;
  Code& c_;
  std::string a_, t_;  // index of the word's first digit
};

// What a pixel outside the image holds, as words.
std::string pad_pixel(const Layer& l) {
  const Value& in = l.in.value();
  std::vector<std::uint64_t> words;
  for (i64 w = 0; w < in.words(); ++w) {
    const i64 lanes = std::min<i64>(in.word_bits, in.channels() - w * in.word_bits);
    for (int d = 0; d < in.digits; ++d) {
      std::uint64_t word = 0;
      for (i64 c = 0; c < lanes && (l.m.pad_code >> d & 1); ++c) word |= std::uint64_t{1} << c;
      words.push_back(word);
    }
  }
  Table t = c99::words(l.b.name + "_pad", l.b.node.graph->name + ": a pixel outside the image", words, in.word_bits);
  t.in_memory = true;
  const std::string name = t.name;
  l.b.out.tables.push_back(std::move(t));
  return name;
}

void add_weights(const Layer& l, const Planes& planes, i64 k_words) {
  const std::string magnitude = planes.magnitude ? fmt::format("{} of the magnitude", planes.digits) : "";
  const std::string parts =
      magnitude + (planes.magnitude && planes.sign ? ", " : "") + (planes.sign ? "1 of the sign" : "");
  const std::string remark = fmt::format("{}: weights [{}][{}][{}][{} words of channels][{}]", l.b.node.graph->name,
                                         l.d.outputs, l.d.kernel_h, l.d.kernel_w, k_words, parts);
  l.b.out.tables.push_back(words(l.b.name + "_weight", remark, pack(l, planes), l.in.value().word_bits));
}

}  // namespace

void sum_bits(const Layer& l) {
  const Body& b = l.b;
  const Value& in = l.in.value();
  Code& c = b.code();
  const Planes planes(l);
  const i64 k_words = (l.d.channels / l.d.groups + in.word_bits - 1) / in.word_bits;
  declare_sums(l);
  b.out.form = name_of(Form::kBits);
  if (planes.digits == 0) return;  // all weights are 0
  b.out.helpers.insert("count");
  b.out.operations += static_cast<double>(l.d.outputs * l.d.kernel_h * l.d.kernel_w * k_words * b.node.type.pixels() *
                                          planes.digits * in.digits);
  if (planes.words() > 0) add_weights(l, planes, k_words);

  const bool pad_counts = l.m.padded() && l.m.pad_code != 0;
  const std::string pad = pad_counts ? pad_pixel(l) : "";
  const Loop rows(c, "r", l.d.kernel_h), columns(c, "s", l.d.kernel_w);
  const std::string within = l.inside();
  std::string h = l.row(rows.at), w = l.column(columns.at);
  if (!within.empty()) {
    c.line("const int32_t h = {}, w = {};", h, w);
    h = "h";
    w = "w";
  }
  const std::string group = l.d.groups == 1 ? "0" : times(l.group(), k_words * in.digits);
  const std::string at = plus(plus(l.in.at(), times(plus(times(h, l.d.width), w), in.pixel_words())), group);
  const bool skips = !pad_counts && !within.empty();
  if (skips) c.open("if ({})", within);
  if (pad_counts)
    c.line("const {} *const a = ({}) ? {} : {};", in.element(), within, at, plus(pad, group));
  else
    c.line("const {} *const a = {};", in.element(), at);
  if (planes.words() > 0)
    c.line("const int32_t t = {};", times(l.tap(b.o, rows.at, columns.at), k_words * planes.words()));
  {
    const Loop k(c, "k", k_words, b.prefix.upper + "_PIPELINE");
    Counts(l, planes, k.at).write();
  }
  if (skips) c.close();
}

}  // namespace tern::c99

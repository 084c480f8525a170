// The function of one step: loops over the result, the head's statements, those of the chain, and the store.
#include "core/names.hpp"
#include "export/c/program.hpp"
#include "export/c/whole.hpp"

namespace tern::c99 {
namespace {

class Writer {
 public:
  Writer(const Program& p, const Step& step, Form form)
      : p_(p), step_(step), form_(form), y_(p.values[step.last()]), code_(out_.code) {
    const std::vector<std::size_t> in = p.inputs(step);
    for (std::size_t k = 0; k < in.size(); ++k)
      operands_.emplace_back(p.prefix, p.values[in[k]], in.size() == 1 ? "x" : "x" + std::to_string(k), out_.helpers);
  }

  StepText write() {
    heading();
    code_.open("{}", signature());
    if (y_.layout == Layout::kPlanes)
      by_pixel();
    else
      by_channel();
    code_.close();
    return std::move(out_);
  }

 private:
  const infer::Node& head() const { return p_.nodes[step_.head]; }
  bool scores() const { return step_.last() == p_.result; }
  bool by_rows() const { return emitter_of(head()).walk == Walk::kRows; }

  void heading() {
    std::string nodes = head().graph->name;
    for (const std::size_t i : step_.chain) nodes += " + " + p_.nodes[i].graph->name;
    const std::string from = join(operands_, " and ", [](const Operand& x) { return x.value().description(); });
    code_.comment(nodes + ": " + (from.empty() ? "" : from + " -> ") + y_.description());
  }

  std::string signature() const {
    std::string parameters;
    for (const Operand& x : operands_) parameters += "const " + x.value().element() + " *" + x.at() + ", ";
    return "static void " + p_.name(step_) + "(" + parameters + (scores() ? p_.score() : y_.element()) + " *y)";
  }

  // Channel after channel, as floats and bytes lie.
  void by_channel() {
    const Loop o(code_, "o", y_.type.channels());
    const auto store = [&](const std::string& i) {
      const std::string at = plus(times(o.at, y_.type.pixels()), i);
      if (y_.type.is_codes())
        code_.line("y[{}] = (int8_t)code;", at);
      else
        code_.line("y[{}] = v;", at);
    };
    pixels([&](const std::string& p, const std::string& q, const std::string& i) {
      number(o.at, p, q, i);
      store(i);
    });
  }

  // Pixel after pixel: the digits of its channels are gathered in words.
  void by_pixel() {
    const int bits = y_.word_bits;
    const i64 channels = y_.channels();
    pixels([&](const std::string& p, const std::string& q, const std::string& i) {
      std::string digits;
      for (int d = 0; d < y_.digits; ++d) digits += fmt::format("{}d{} = 0", d == 0 ? "" : ", ", d);
      code_.line("{}_word {};", p_.prefix.lower, digits);
      const bool whole = channels % bits == 0;
      {
        const Loop o(code_, "o", channels);
        number(o.at, p, q, i);
        const std::string lane = channels <= bits ? o.at : fmt::format("({} % {})", o.at, bits);
        for (int d = 0; d < y_.digits; ++d) {
          const std::string digit = d == 0 ? "(uint32_t)code & 1u" : fmt::format("((uint32_t)code >> {}) & 1u", d);
          code_.line("d{} |= ({}_word)({}) << {};", d, p_.prefix.lower, digit, lane);
        }
        if (channels > bits) {
          code_.open("if ({} == {})", lane, bits - 1);
          flush(true);
          code_.close();
        }
      }
      if (channels <= bits || !whole) flush(false);
    });
  }

  void flush(bool again) {
    for (int d = 0; d < y_.digits; ++d) code_.line("*y++ = ({})d{};", y_.element(), d);
    for (int d = 0; again && d < y_.digits; ++d) code_.line("d{} = 0;", d);
  }

  template <class F>
  void pixels(F&& f) {
    const i64 height = y_.type.height(), width = y_.type.width();
    if (by_rows()) {
      const Loop p(code_, "p", height), q(code_, "q", width);
      f(p.at, q.at, plus(times(p.at, width), q.at));
    } else {
      const Loop i(code_, "i", height * width);
      f("0", "0", i.at);
    }
  }

  // Leaves one number of the result in `v` or `code`.
  void number(const std::string& o, const std::string& p, const std::string& q, const std::string& i) {
    const bool starts_real = !head().type.is_codes() || emitter_of(head()).walk == Walk::kNumber;
    if (starts_real) code_.line("{} v;", scores() ? p_.score() : "float");
    if (y_.type.is_codes()) code_.line("int32_t code;");
    if (emitter_of(head()).walk == Walk::kNumber) code_.line("v = {};", operands_[0].real(o, i));
    emit(step_.head, o, p, q, i);
    for (const std::size_t k : step_.chain) emit(k, o, p, q, i);
  }

  void emit(std::size_t node, const std::string& o, const std::string& p, const std::string& q, const std::string& i) {
    const infer::NodeReader reader = p_.reader(node);
    emitter_of(p_.nodes[node])
        .emit({p_.nodes[node], reader, operands_, p_.prefix, o, p, q, i, form_, p_.names[node],
               scores() ? p_.unit : std::nullopt, out_});
  }

  const Program& p_;
  const Step& step_;
  const Form form_;
  const Value& y_;
  StepText out_;
  Code& code_;
  std::vector<Operand> operands_;
};

// The scores of a network whose last value is codes, or the image itself.
StepText write_scores(const Program& p, const Step& step) {
  StepText out;
  const Operand x(p.prefix, p.values.back(), "x", out.helpers);
  out.code.comment("Scores: " + x.value().description() + " as real numbers");
  out.code.open("static void {}(const {} *x, {} *y)", p.name(step), x.value().element(), p.score());
  if (p.unit) out.helpers.insert("single");
  const auto score = [&](const std::string& channel, const std::string& pixel) {
    if (!p.unit) return x.real(channel, pixel);
    const std::string worth = literal(in_units({x.value().type.step}, *p.unit).front());
    return fmt::format("{}_single({} * {})", p.prefix.lower, worth, x.code(channel, pixel));
  };
  {
    const Loop o(out.code, "o", x.value().channels());
    const Loop i(out.code, "i", x.value().pixels());
    out.code.line("y[{}] = {};", plus(times(o.at, x.value().pixels()), i.at), score(o.at, i.at));
  }
  out.code.close();
  return out;
}

}  // namespace

StepText write_step(const Program& program, const Step& step, Form form) {
  if (step.head == program.nodes.size()) return write_scores(program, step);
  return Writer(program, step, form).write();
}

std::vector<Form> forms(const Program& program, const Step& step) {
  std::vector<Form> out;
  for (const Form form : {Form::kBits, Form::kPlain, Form::kBase3}) {
    if (step.head == program.nodes.size()) break;
    const infer::Node& n = program.nodes[step.head];
    const bool reads = !n.inputs.empty() && n.operation->multiply();
    if (reads && can(form, n, program.values[n.inputs[0]])) out.push_back(form);
  }
  return out.empty() ? std::vector<Form>{Form::kPlain} : out;
}

}  // namespace tern::c99

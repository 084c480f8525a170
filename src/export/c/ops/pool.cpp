// Windows of an image. The largest of a window is looked for with coordinates clamped to the image: what lies outside
// stands for a pixel of the border, which is in the window too.
#include "export/c/body.hpp"
#include "kernels/conv_shape.hpp"

namespace tern::c99 {
namespace {

kernels::PoolShape windows(const Body& b) {
  const infer::ValueType& x = b.in[0].value().type;
  const i64 kernel = b.read.integer("kernel", 1);
  return {x.channels(),
          x.height(),
          x.width(),
          kernel,
          b.read.integer("stride", 1, kernel),
          b.read.integer("pad", 0, 0),
          b.read.flag("ceil"),
          b.read.flag("count_pad")};
}

// Of one axis.
struct Axis {
  i64 extent;
  bool before, behind;  // a window reaches out of the image there
  std::string first;    // expression of a window's first row or column
};
Axis axis(const kernels::PoolShape& d, i64 extent, const std::string& at) {
  const i64 last = (d.extent(extent) - 1) * d.stride - d.pad + d.kernel;
  return {extent, d.pad > 0, last > extent, plus(times(at, d.stride), -d.pad)};
}

std::string clamped(const Axis& a, const std::string& at) {
  std::string out = at;
  if (a.behind) out = fmt::format("(({0}) < {1} ? ({0}) : {2})", out, a.extent, a.extent - 1);
  if (a.before) out = fmt::format("(({0}) > 0 ? {1} : 0)", at, out);
  return out;
}

void max_pool(const Body& b) {
  const kernels::PoolShape d = windows(b);
  const Axis rows = axis(d, d.height, b.p), cols = axis(d, d.width, b.q);
  const bool codes = b.node.type.is_codes();
  Code& c = b.code();
  const auto value = [&](const std::string& h, const std::string& w) {
    const std::string pixel = plus(times(h, d.width), w);
    return codes ? b.in[0].code(b.o, pixel) : b.in[0].real(b.o, pixel);
  };
  c.line("{} = {};", codes ? "code" : "v", value(clamped(rows, rows.first), clamped(cols, cols.first)));
  b.out.operations += static_cast<double>(d.kernel * d.kernel * b.node.type.numel());
  if (d.kernel == 1) return;
  const Loop r(c, "r", d.kernel);
  c.line("const int32_t h = {};", clamped(rows, plus(rows.first, r.at)));
  const Loop s(c, "s", d.kernel);
  c.line("const int32_t w = {};", clamped(cols, plus(cols.first, s.at)));
  c.line("const {} x_hw = {};", codes ? "int32_t" : "float", value("h", "w"));
  if (codes)
    c.line("code = (x_hw > code) ? x_hw : code;");
  else
    c.line("v = (v < x_hw) ? x_hw : v;");
}

// Conditions under which (h, w) lies in the image; empty where it always does.
std::string inside(const Axis& rows, const Axis& cols) {
  std::string out;
  const auto also = [&](bool wanted, const std::string& condition) {
    if (wanted) out += (out.empty() ? "" : " && ") + condition;
  };
  also(rows.before, "h >= 0");
  also(rows.behind, fmt::format("h < {}", rows.extent));
  also(cols.before, "w >= 0");
  also(cols.behind, fmt::format("w < {}", cols.extent));
  return out;
}

// Rows or columns of a window within the padded image.
std::string counted(const kernels::PoolShape& d, const Axis& a) {
  const i64 end = a.extent + d.pad, last = (d.extent(a.extent) - 1) * d.stride - d.pad + d.kernel;
  if (last <= end) return std::to_string(d.kernel);
  const std::string reach = plus(a.first, d.kernel);
  return fmt::format("(({0} < {1}) ? {2} : {1} - ({3}))", reach, end, d.kernel, a.first);
}

void average(const Body& b, const kernels::PoolShape& d) {
  const Axis rows = axis(d, d.height, b.p), cols = axis(d, d.width, b.q);
  const Operand& x = b.in[0];
  const std::string within = inside(rows, cols), pixel = plus(times("h", d.width), "w");
  const bool count = !within.empty() && !d.count_pad;
  Code& c = b.code();
  c.line("{};", x.is_codes() ? "int32_t sum = 0" : "float sum = 0.0f");
  if (count) c.line("int32_t n = 0;");
  {
    const Loop r(c, "r", d.kernel);
    const Loop s(c, "s", d.kernel);
    c.line("const int32_t h = {}, w = {};", plus(rows.first, r.at), plus(cols.first, s.at));
    if (!within.empty()) c.open("if ({})", within);
    c.line("sum {} {};", x.is_codes() ? "+=" : "= sum +", x.is_codes() ? x.code(b.o, pixel) : x.real(b.o, pixel));
    if (count) c.line("n++;");
    if (!within.empty()) c.close();
  }
  const std::string n = count         ? "n"
                        : d.count_pad ? counted(d, rows) + " * " + counted(d, cols)
                                      : std::to_string(d.kernel * d.kernel);
  c.line("v = {} / (float)({});", x.is_codes() ? "(float)(" + literal(x.value().type.step) + " * (float)sum)" : "sum",
         n);
  b.out.operations += static_cast<double>(d.kernel * d.kernel * b.node.type.numel());
}

void avg_pool(const Body& b) { average(b, windows(b)); }

void global_avg_pool(const Body& b) {
  const Operand& x = b.in[0];
  const i64 pixels = x.value().type.pixels();
  Code& c = b.code();
  c.line("{};", x.is_codes() ? "int32_t sum = 0" : "float sum = 0.0f");
  {
    const Loop pixel(c, "x_pixel", pixels);
    c.line("sum {} {};", x.is_codes() ? "+=" : "= sum +", x.is_codes() ? x.code(b.o, pixel.at) : x.real(b.o, pixel.at));
  }
  c.line("v = {} / (float){};", x.is_codes() ? "(float)(" + literal(x.value().type.step) + " * (float)sum)" : "sum",
         pixels);
  b.out.operations += static_cast<double>(x.value().type.numel());
}

}  // namespace

const Emitter max_pool_c{max_pool, Walk::kRows}, avg_pool_c{avg_pool, Walk::kRows}, global_avg_pool_c{global_avg_pool};

}  // namespace tern::c99

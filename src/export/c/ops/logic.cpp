// Logic on codes 0..1: or, mux, tgap.
#include "export/c/body.hpp"

namespace tern::c99 {
namespace {

void gate_or(const Body& b) { b.code().line("code = {} | {};", b.in[0].code(b.o, b.i), b.in[1].code(b.o, b.i)); }

void gate_mux(const Body& b) {
  b.code().line("code = {};", b.in[0].code(b.o, b.i));
  b.code().open("if ({} == 0)", b.in[2].code(b.o, "0"));
  b.code().line("code |= {};", b.in[1].code(b.o, b.i));
  b.code().close();
}

void tgap(const Body& b) {
  const i64 pixels = b.in[0].value().type.pixels();
  b.code().line("int32_t ones = 0;");
  {
    const Loop x(b.code(), "x_pixel", pixels);
    b.code().line("ones += {};", b.in[0].code(b.o, x.at));
  }
  b.code().line("code = (2 * ones > {}) ? 1 : 0;", pixels);
  b.out.operations += static_cast<double>(b.in[0].value().type.numel());
}

}  // namespace

const Emitter or_c{gate_or}, mux_c{gate_mux}, tgap_c{tgap};

}  // namespace tern::c99

// The image moved up and left; outside the image 0, or the code pad_code.
#include "export/c/body.hpp"

namespace tern::c99 {
namespace {

void shift(const Body& b) {
  const infer::ValueType& x = b.node.type;
  const i64 by = b.read.integer("by", 0);
  const std::string inside = fmt::format("({} < {} && {} < {})", b.p, x.height() - by, b.q, x.width() - by),
                    pixel = plus(times(plus(b.p, by), x.width()), plus(b.q, by));
  if (x.is_codes())
    b.code().line("code = {} ? {} : {};", inside, b.in[0].code(b.o, pixel), b.read.pad_code());
  else
    b.code().line("v = {} ? {} : 0.0f;", inside, b.in[0].real(b.o, pixel));
}

}  // namespace

const Emitter shift_c{shift, Walk::kRows};

}  // namespace tern::c99

// Several values into one: add, concat.
#include "export/c/body.hpp"

namespace tern::c99 {
namespace {

void add(const Body& b) {
  b.code().line("v = {};", b.in[0].real(b.o, b.i));
  for (std::size_t k = 1; k < b.in.size(); ++k) b.code().line("v = v + {};", b.in[k].real(b.o, b.i));
  b.out.operations += static_cast<double>(b.in.size()) * static_cast<double>(b.node.type.numel());
}

void concat(const Body& b) {
  const bool codes = b.node.type.is_codes();
  i64 first = 0, end = 0;
  for (std::size_t k = 0; k < b.in.size(); ++k, first = end) {
    end += b.in[k].value().channels();
    const std::string channel = b.in[k].value().channels() == 1 ? "0" : plus(b.o, -first);
    const std::string value = codes ? "code = " + b.in[k].code(channel, b.i) : "v = " + b.in[k].real(channel, b.i);
    const bool last = k + 1 == b.in.size();
    if (last)
      b.code().open("else");
    else
      b.code().open("{} ({} < {})", k == 0 ? "if" : "else if", b.o, end);
    b.code().line("{};", value);
    b.code().close();
  }
}

}  // namespace

const Emitter add_c{.emit = add, .in_place = true}, concat_c{concat};

}  // namespace tern::c99

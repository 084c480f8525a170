// Values moved, none computed: flatten, channel_shuffle, pad_channels, zero.
#include "export/c/body.hpp"

namespace tern::c99 {
namespace {

void flatten(const Body&) {}  // the same memory

void channel_shuffle(const Body& b) {
  const i64 groups = b.read.integer("groups", 1), width = b.node.type.channels() / groups;
  const std::string channel = groups == 1 || width == 1 ? b.o
                                                        : plus(times(b.o + " % " + std::to_string(groups), width),
                                                               b.o + " / " + std::to_string(groups));
  if (b.node.type.is_codes())
    b.code().line("code = {};", b.in[0].code(channel, b.i));
  else
    b.code().line("v = {};", b.in[0].real(channel, b.i));
}

void pad_channels(const Body& b) {
  const infer::ValueType& x = b.in[0].value().type;
  const i64 front = b.read.integer("front", 0), stride = b.read.integer("stride", 1, 1);
  const std::string pixel = plus(times(times(b.p, stride), x.width()), times(b.q, stride));
  const std::string channel = x.channels() == 1 ? "0" : plus(b.o, -front);
  b.code().line("v = ({0} >= {1} && {0} < {2}) ? {3} : 0.0f;", b.o, front, front + x.channels(),
                b.in[0].real(channel, pixel));
}

void zero(const Body& b) { b.code().line("v = 0.0f;"); }

}  // namespace

const Emitter flatten_c{flatten}, channel_shuffle_c{channel_shuffle}, pad_channels_c{pad_channels, Walk::kRows},
    zero_c{zero, Walk::kPixels, false};

}  // namespace tern::c99

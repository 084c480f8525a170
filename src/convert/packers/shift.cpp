// shift: behind a quantizer the pixels that come in take the code that it pads with.
#include "convert/packer.hpp"

namespace tern {

void pack_shift(PackContext& context) {
  PackedNode out{.op = "shift", .inputs = context.inputs(), .attrs = {{"by", context.node().text("by")}}};
  const auto codes = context.codes(out.inputs);
  if (codes && codes->pad != 0) out.attrs.emplace_back("pad_code", std::to_string(codes->pad));
  context.finish(std::move(out));
}

}  // namespace tern

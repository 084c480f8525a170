// act: the kinds that the packed runtime has. A ReLU between a multiplication and a quantizer is folded (multiply.cpp).
#include "convert/packer.hpp"

namespace tern {

void pack_act(PackContext& context) {
  const std::string kind = context.node().text("kind");
  if (kind == "none") return context.pass_through(context.inputs()[0]);
  if (kind != "relu" && kind != "hardtanh" && kind != "prelu")
    context.refuse("the activation \"" + kind + "\" has no packed form");
  PackedNode out{.op = kind, .inputs = context.inputs()};
  if (kind == "prelu") out.blobs.emplace("slope", float_blob(context.tensor(tensor_names::kSlope)));
  context.finish(std::move(out));
}

}  // namespace tern

// or, tgap, mux: gates on {0,1}. Their keys concern the gradient, but real=1, which is no gate of bits.
#include "convert/packer.hpp"

namespace tern {

void pack_gate(PackContext& context) {
  const GraphNode& node = context.node();
  if (node.flag("real", false)) context.refuse("a gate of real values (real=1) has no packed form");
  context.finish({.op = node.op, .inputs = context.inputs()});
}

}  // namespace tern

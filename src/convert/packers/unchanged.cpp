// Layers that are an operation of the packed graph, with the same keys and no numbers of their own.
#include "convert/packer.hpp"

namespace tern {

void pack_unchanged(PackContext& context) {
  const GraphNode& node = context.node();
  context.finish({.op = node.op, .inputs = context.inputs(), .attrs = node.attrs});
}

}  // namespace tern

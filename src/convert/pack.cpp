// pack: walks the graph of a trained network and lets the packer of each op write the packed one, node by node.
#include "convert/packer.hpp"
#include "infer/ops/node.hpp"
#include "tern/error.hpp"

namespace tern {

packed::Model pack(const Network& network, const std::map<std::string, std::string>& meta) {
  if (network.training()) throw ValueError("[pack] expected a network in evaluation mode");
  PackContext::State state(network);
  PackContext context(state);
  state.model.meta = meta;
  for (std::size_t i = 0; i < network.graph().nodes().size(); ++i) {
    const std::string& name = context.node(i).name;
    if (!state.needed.contains(name) || state.done.contains(name)) continue;
    state.index = i;
    packer_of(context.node())(context);
    if (!state.done.contains(name)) context.refuse("its packer finished without a result");
  }
  try {
    infer::check_model(state.model);
  } catch (const FormatError& e) {
    throw ValueError(std::string("[pack] no session would load the result: ") + e.what());
  }
  return std::move(state.model);
}

}  // namespace tern

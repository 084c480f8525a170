// skip: the input itself; at stride 2 a factorized reduce, which keeps all pixels of the input in half the resolution.
// Under search the identity is a node, so that it can be left out.
#include "nas/pieces.hpp"

namespace tern::nas {

std::string add_skip(const EdgePlace& at) {
  if (at.stride != 1) return add_factorized_reduce(at, at.input, at.channels);
  return at.searching ? at.add("_id", "act", at.input, {{"kind", "none"}}) : at.input;
}

}  // namespace tern::nas

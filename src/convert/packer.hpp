// What the packers share. A packer is one function, pack_<file> in src/convert/packers/<file>.cpp, with a row in
// packers.def for each op that it packs; its contract is that of register_packer() in tern/convert.hpp.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/registry.hpp"
#include "core/tensor_names.hpp"
#include "kernels/exact.hpp"
#include "tern/convert.hpp"

namespace tern {

#define TERN_PACKER(op, file) void pack_##file(PackContext&);
#define TERN_NOT_PACKED(op, reason)
#include "convert/packers.def"
#undef TERN_PACKER
#undef TERN_NOT_PACKED

struct PackerRow : PackerInfo {
  Packer pack;
};
using PackerRegistry = Registry<PackerRow, &PackerRow::op, &PackerRow::pack>;
PackerRegistry& packer_registry();

/// The packed graph as it grows, with the codes on its edges.
struct PackContext::State {
  explicit State(const Network& network);

  const Network& network;
  std::set<std::string> needed;  ///< nodes of the network that its output depends on
  std::size_t index = 0;         ///< of the node being packed
  packed::Model model;
  std::map<std::string, std::string> done;  ///< network node that is done: packed node that computes it
  std::map<std::string, CodeRange> codes;   ///< packed node: what it emits
};

/// Errors: ValueError naming the node if nothing packs its op.
Packer packer_of(const GraphNode& node);

/// Of each channel what evaluation multiplies with and adds in batch norm node `i`. (packers/batch_norm.cpp)
std::vector<exact::Affine> affine_of(const PackContext& context, std::size_t i);

}  // namespace tern

// The list of packers: built from packers.def, extended by register_packer().
#include "convert/packer.hpp"

namespace tern {
namespace {

PackerRow refusal(const std::string& op, const std::string& reason) {
  return {{op, reason},
          [=](PackContext& context) { context.refuse("the op \"" + op + "\" has no packed form: " + reason); }};
}

}  // namespace

PackerRegistry& packer_registry() {
#define TERN_PACKER(op, file) {{#op, ""}, pack_##file},
#define TERN_NOT_PACKED(op, reason) refusal(#op, reason),
  static PackerRegistry r({.what = "op to pack",
                           .adder = "register_packer",
                           .finder = "pack",
                           .needs = "a function",
                           .also = "; a layer from outside packs by register_packer()"},
                          {
#include "convert/packers.def"
                          });
#undef TERN_PACKER
#undef TERN_NOT_PACKED
  return r;
}

Packer packer_of(const GraphNode& node) {
  return packer_registry().find(node.op, "[pack] node \"" + node.name + "\": ").pack;
}

std::vector<PackerInfo> packers() { return packer_registry().list<PackerInfo>(); }
void register_packer(const std::string& op, Packer packer) { packer_registry().add({{op, ""}, std::move(packer)}); }

}  // namespace tern

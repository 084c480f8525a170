// dropout, drop_path: noise in training, in evaluation what they read.
#include "convert/packer.hpp"

namespace tern {

void pack_pass_through(PackContext& context) { context.pass_through(context.inputs()[0]); }

}  // namespace tern

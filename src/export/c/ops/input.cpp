// The image: read where it is used, by a table of what each byte becomes.
#include "export/c/body.hpp"

namespace tern::c99 {

const Emitter input_c{};

}  // namespace tern::c99

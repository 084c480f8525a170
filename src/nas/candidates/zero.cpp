// zero: no nodes at all. Whoever adds results up leaves it out.
#include "nas/pieces.hpp"

namespace tern::nas {

std::string add_zero(const EdgePlace&) { return {}; }

}  // namespace tern::nas

// max3, avg3: 3x3 pools with padding 1, which an average does not count. Under search a batch norm that does not learn
// follows, so that operations of different spread compete fairly; a final network has none.
#include "nas/pieces.hpp"

namespace tern::nas {
namespace {

std::string add_pool(const EdgePlace& at, const std::string& op) {
  const std::string y =
      at.add("_pool", op, at.input, {{"kernel", "3"}, {"stride", std::to_string(at.stride)}, {"pad", "1"}});
  return at.searching ? add_norm(at, "_bn", y) : y;
}

}  // namespace

std::string add_max3(const EdgePlace& at) { return add_pool(at, "max_pool"); }
std::string add_avg3(const EdgePlace& at) { return add_pool(at, "avg_pool"); }

}  // namespace tern::nas

// Planes and prepared input keep a place of their own, since their borders are written once. The others share memory:
// first fit, in the order in which they come to life.
#include <algorithm>

#include "infer/plan/assembly.hpp"

namespace tern::infer {
namespace {

bool is_lasting(const Buffer& b) { return is_planes(b.layout) || b.layout == Layout::kOpaque; }

}  // namespace

std::size_t place(std::vector<Buffer>& buffers) {
  std::size_t end = 0;
  for (Buffer& b : buffers) {
    if (!is_lasting(b)) continue;
    b.offset = end;
    end += whole_lines(b.bytes);
  }
  const std::size_t base = end;
  std::vector<Buffer*> placed;
  for (Buffer& b : buffers) {
    if (is_lasting(b)) continue;
    std::vector<const Buffer*> alive;
    for (const Buffer* o : placed) {
      if (o->last_step >= b.first_step && b.last_step >= o->first_step) alive.push_back(o);
    }
    std::sort(alive.begin(), alive.end(), [](const Buffer* x, const Buffer* y) { return x->offset < y->offset; });
    std::size_t at = base;
    for (const Buffer* o : alive) {
      if (o->offset >= at + b.bytes) break;
      at = std::max(at, whole_lines(o->offset + o->bytes));
    }
    b.offset = at;
    end = std::max(end, whole_lines(at + b.bytes));
    placed.push_back(&b);
  }
  return end;
}

}  // namespace tern::infer

// Any CPU, and the choice among the instruction sets. Gradient checks in double need no speed: they always run here.
#include "kernels/channel/channel.hpp"
#include "tern/cpu.hpp"

namespace tern::kernels::channel {
namespace {

using i64 = std::int64_t;
#include "kernels/channel/channel_impl.hpp"

}  // namespace

const Kernels<float>* channel_portable() { return &kTable<float, 2>; }

const Kernels<double>& kernels(double) { return kTable<double, 2>; }

const Kernels<float>& kernels(float) {
  switch (active_isa()) {
#if defined(__x86_64__)
    case Isa::kAvx512Vpopcnt:
    case Isa::kAvx512:
      return *channel_avx512();
    case Isa::kAvx2:
      return *channel_avx2();
#endif
    default:
      return *channel_portable();
  }
}

}  // namespace tern::kernels::channel

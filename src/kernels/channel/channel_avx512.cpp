#include "kernels/channel/channel.hpp"

namespace tern::kernels::channel {
namespace {

using i64 = std::int64_t;
#include "kernels/channel/channel_impl.hpp"

}  // namespace

const Kernels<float>* channel_avx512() { return &kTable<float, 8>; }

}  // namespace tern::kernels::channel

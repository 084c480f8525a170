// DoReFa's gradient quantizer: the identity forward; backward, the gradient d of each sample (dimension 0) becomes one
// of 2^k levels, with L = 2^k - 1 and X = max|d| of the sample:
//   dx = 2X (rne(clip(d / (2X) + 1/2 + noise, 0, 1) L) / L - 1/2),   noise uniform in (-1/2, 1/2) / L, one draw an
//   element
// A sample whose gradient is zero stays zero. Paper: Zhou et al., "DoReFa-Net", 2016, equation 12.
#include "quant/quant_util.hpp"
#include "tern/rng.hpp"

namespace tern {
namespace {

using quant::clip;
using quant::rne;

template <class T>
void quantize_sample(const T* d, T* dx, std::int64_t n, T levels, Rng* noise) {
  T largest = 0;
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(d[i]));
  const T range = 2 * largest;
  for (std::int64_t i = 0; i < n; ++i) {
    const T shift = noise ? (static_cast<T>(noise->uniform()) - T(0.5)) / levels : T(0);
    const T z = range > 0 ? clip(d[i] / range + T(0.5) + shift, T(0), T(1)) : T(0.5);
    dx[i] = range > 0 ? range * (rne(z * levels) / levels - T(0.5)) : T(0);
  }
}

}  // namespace

Tensor quantize_gradient(const Tensor& x, int bits, Rng* rng) {
  if (bits < 1 || bits > 16)
    throw ValueError("[quantize_gradient] expected bits in 1..16; got " + std::to_string(bits));
  // The numbers are set aside now, one word an element: backward may run in any order, or after *rng is gone.
  std::shared_ptr<const Rng> stream;
  if (rng && will_record({x})) {
    stream = std::make_shared<const Rng>(*rng);
    rng->set_position(rng->position() + static_cast<std::uint64_t>(x.numel()));
  }
  return record("quantize_gradient", x.detach(), {x}, [bits, stream](const Tensor& dy) {
    const Tensor d = dy.contiguous(), dx = Tensor::empty(dy.shape(), dy.dtype());
    const quant::Groups samples = quant::groups_of(dy.shape(), dy.shape().rank() > 0);
    dispatch(dy.dtype(), "quantize_gradient", [&](auto zero) {
      using T = decltype(zero);
      parallel_for(samples.count, [&](std::int64_t s) {
        const std::int64_t first = s * samples.size;
        Rng noise;
        if (stream) {
          noise = *stream;
          noise.set_position(stream->position() + static_cast<std::uint64_t>(first));
        }
        quantize_sample(d.data<T>() + first, dx.data<T>() + first, samples.size, static_cast<T>((1 << bits) - 1),
                        stream ? &noise : nullptr);
      });
    });
    return std::vector<Tensor>{dx};
  });
}

}  // namespace tern

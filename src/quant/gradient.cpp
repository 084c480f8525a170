// DoReFa's gradient quantizer: the identity in the forward pass; in the backward pass the gradient d of each sample
// (dimension 0) becomes one of 2^k levels, with n = 2^k - 1 and X = max|d| of the sample:
//   q = 2X (rne(clip(d/(2X) + 1/2 + noise, 0, 1) n)/n - 1/2),   noise uniform in (-0.5, 0.5)/n, one draw an element
// A sample whose gradient is zero stays zero. Paper: Zhou et al., "DoReFa-Net", 2016, equation 12.
#include <algorithm>

#include "quant/quant_util.hpp"

namespace tern {

Tensor quantize_gradient(const Tensor& x, int bits, Rng* rng) {
  if (bits < 1 || bits > 16) throw ValueError("[quantize_gradient] expected bits in 1..16; got " + std::to_string(bits));
  return record("quantize_gradient", x.detach(), {x}, [bits, rng](const Tensor& dy) {
    return dispatch(dy.dtype(), "quantize_gradient", [&](auto zero) {
      using T = decltype(zero);
      const Tensor d = dy.contiguous(), q = Tensor::empty(dy.shape(), dy.dtype());
      const Groups samples = groups_of(dy.shape(), true);
      const T n = static_cast<T>((1 << bits) - 1);
      for (std::int64_t s = 0; s < samples.count; ++s) {
        const T* from = d.data<T>() + s * samples.size;
        T* to = q.data<T>() + s * samples.size;
        T largest = 0;
        for (std::int64_t i = 0; i < samples.size; ++i) largest = std::max(largest, std::abs(from[i]));
        for (std::int64_t i = 0; i < samples.size; ++i) {
          const T noise = rng ? (static_cast<T>(rng->uniform()) - T(0.5)) / n : T(0);
          const T u = largest == T(0) ? T(0) : clip(from[i] / (T(2) * largest) + T(0.5) + noise, T(0), T(1));
          to[i] = largest == T(0) ? T(0) : T(2) * largest * (rne(u * n) / n - T(0.5));
        }
      }
      return std::vector<Tensor>{q};
    });
  });
}

}  // namespace tern

#include <cstdint>

#include "kernels/float/channel/channel.hpp"

namespace tern::kernels::channel {
namespace {

using i64 = std::int64_t;

constexpr i64 kLanes = 8, kWidth = TERN_VECTOR_BYTES / 8;  // of a sum, and of a vector of doubles

template <class T>
struct Vectors {
  typedef T Values __attribute__((vector_size(kWidth * sizeof(T))));
  typedef double Doubles __attribute__((vector_size(kWidth * sizeof(double))));
  static constexpr i64 kCount = kLanes / kWidth;

  static Doubles load(const T* p) {
    Values v;
    __builtin_memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Doubles);
  }
};

// u += sum a, v += sum a b
template <class T>
inline void add_sums(const T* a, const T* b, i64 n, double& u, double& v) {
  using V = Vectors<T>;
  typename V::Doubles sum[V::kCount] = {}, product[V::kCount] = {};
  i64 i = 0;
  for (; i + kLanes <= n; i += kLanes) {
#pragma GCC unroll 8
    for (i64 j = 0; j < V::kCount; ++j) {
      const typename V::Doubles da = V::load(a + i + j * kWidth), db = V::load(b + i + j * kWidth);
      sum[j] += da;
      product[j] += da * db;
    }
  }
  double s[kLanes], p[kLanes];
  __builtin_memcpy(s, sum, sizeof s);
  __builtin_memcpy(p, product, sizeof p);
  for (int l = 0; i < n; ++i, ++l) {
    s[l] += static_cast<double>(a[i]);
    p[l] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  u += ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
  v += ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
}

template <class T>
void sums(const T* x, i64 n, double& u, double& v) {
  add_sums<T>(x, x, n, u, v);
}

template <class T>
void gradient_sums(const T* x, const T* dy, i64 n, T k1, T k0, bool relu, double& u, double& v) {
  if (!relu) {
    add_sums<T>(dy, x, n, u, v);
    return;
  }
  constexpr i64 kBlock = 512;
  T dz[kBlock];
  for (i64 at = 0; at < n; at += kBlock) {
    const i64 count = n - at < kBlock ? n - at : kBlock;
    for (i64 i = 0; i < count; ++i) {
      const T g = dy[at + i];  // read in any case, so that the loop vectorises
      dz[i] = k1 * x[at + i] + k0 > 0 ? g : T(0);
    }
    add_sums<T>(dz, x + at, count, u, v);
  }
}

template <class T>
void forward(const T* x, i64 n, T k1, T k0, bool relu, T* y) {
  if (relu) {
    for (i64 i = 0; i < n; ++i) {
      const T v = k1 * x[i] + k0;
      y[i] = v <= 0 ? T(0) : v;
    }
  } else {
    for (i64 i = 0; i < n; ++i) y[i] = k1 * x[i] + k0;
  }
}

template <class T>
void backward(const T* x, const T* dy, i64 n, T k1, T k0, bool relu, T slope, T offset, T* dx) {
  if (relu) {
    for (i64 i = 0; i < n; ++i) {
      const T g = dy[i];
      const T dz = k1 * x[i] + k0 > 0 ? g : T(0);
      dx[i] = k1 * dz + (slope * x[i] + offset);
    }
  } else {
    for (i64 i = 0; i < n; ++i) dx[i] = k1 * dy[i] + (slope * x[i] + offset);
  }
}

template <class T>
constexpr Kernels<T> kKernels = {sums<T>, gradient_sums<T>, forward<T>, backward<T>};

}  // namespace

template <>
template <>
const Kernels<float>& Kernels<float>::body<Isa::TERN_BODY>() {
  return kKernels<float>;
}
template <>
template <>
const Kernels<double>& Kernels<double>::body<Isa::TERN_BODY>() {
  return kKernels<double>;
}

}  // namespace tern::kernels::channel

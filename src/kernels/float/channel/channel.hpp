// Loops over one run of a channel for batch norm: sums in double, and the affine maps of forward and backward.
//
// Every instruction set gives the same bits: sums have eight lanes whatever the width of a vector (element i goes to
// lane i mod 8), lanes are added in one order, and nothing is contracted to FMA.
#pragma once

#include <cstdint>

#include "kernels/isa.hpp"

namespace tern::kernels::channel {

template <class T>
struct Kernels {
  /// u += sum x, v += sum x x
  void (*sums)(const T* x, std::int64_t n, double& u, double& v);
  /// u += sum dz, v += sum dz x, where dz = dy, or with `relu` dy where k1 x + k0 > 0 and else 0
  void (*gradient_sums)(const T* x, const T* dy, std::int64_t n, T k1, T k0, bool relu, double& u, double& v);
  /// y = k1 x + k0, or with `relu` max(y, 0) that lets NaN through
  void (*forward)(const T* x, std::int64_t n, T k1, T k0, bool relu, T* y);
  /// dx = k1 dz + (slope x + offset), dz as above; dx may be dy
  void (*backward)(const T* x, const T* dy, std::int64_t n, T k1, T k0, bool relu, T slope, T offset, T* dx);

  template <Isa isa>
  static const Kernels& body();
};

/// Those of the active instruction set.
template <class T>
const Kernels<T>& kernels() {
  return choose<Kernels<T>, TERN_ISAS_CHANNEL>(active_isa());
}

}  // namespace tern::kernels::channel

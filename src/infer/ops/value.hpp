// What travels along the edges of a packed graph, for one image, and how it lies in memory where no step has packed it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "core/aligned.hpp"
#include "tern/shape.hpp"

namespace tern::infer {

using i64 = std::int64_t;

struct ValueType {
  Shape shape;     ///< [C H W] or [K]
  float step = 0;  ///< 0: real values
  int lo = 0, hi = 0;

  bool is_codes() const { return step != 0; }
  bool same_codes(const ValueType& o) const { return is_codes() && step == o.step && lo == o.lo && hi == o.hi; }
  i64 numel() const { return shape.numel(); }
  i64 channels() const { return shape[0]; }
  i64 height() const { return shape.rank() == 3 ? shape[1] : 1; }
  i64 width() const { return shape.rank() == 3 ? shape[2] : 1; }
  i64 pixels() const { return height() * width(); }
};

/// A value: int8 codes if its type is codes, else floats, row-major.
struct Dense {
  const ValueType* type = nullptr;
  float* floats = nullptr;
  std::int8_t* codes = nullptr;
};

/// How many elements the numbered buffers of a Scratch hold.
struct ScratchSizes {
  std::array<i64, 4> floats{};
  std::array<i64, 2> codes{}, ints{};
  std::size_t bytes() const;
};

/// Memory that a plain definition needs in between: numbered buffers of each type, in somebody's memory.
class Scratch {
 public:
  /// `memory`: sizes.bytes(), on a cache line.
  Scratch(const ScratchSizes& sizes, std::byte* memory);

  /// At least n elements, of any values. Valid until the same buffer is asked for again.
  /// Errors: Error if Operation::scratch() did not ask for as many.
  template <class T>
  T* get(std::size_t buffer, i64 n) {
    const auto [at, size] = std::get<Buffers<T>>(buffers_).at(buffer);
    if (n > size) too_small();
    return at;
  }

 private:
  template <class T>
  struct Piece {
    T* at = nullptr;
    i64 size = 0;
  };
  template <class T>
  using Buffers = std::array<Piece<T>, std::is_same_v<T, float> ? 4 : 2>;
  [[noreturn]] static void too_small();

  std::tuple<Buffers<float>, Buffers<std::int8_t>, Buffers<std::int32_t>> buffers_;
};

/// fl(step * code).
void dequantize(const std::int8_t* codes, i64 n, float step, float* out);
/// The value as floats: its own, or dequantized into the scratch buffer 0.
const float* real(const Dense& value, Scratch& scratch);

}  // namespace tern::infer

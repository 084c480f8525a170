// What the parts of a layer with weights share: ops/multiply.cpp, sum_plain.cpp, sum_bits.cpp.
#pragma once

#include "export/c/body.hpp"

namespace tern::c99 {

struct Layer {
  explicit Layer(const Body& body);

  const Body& b;
  const infer::Multiply& m;
  const Operand& in;
  const kernels::ConvShape d;        ///< on the image as it lies in memory
  const bool integers;               ///< sums are exact integers
  std::vector<std::int8_t> weights;  ///< codes, negated where flipped

  bool flipped(i64 output) const { return !m.flip.empty() && m.flip[static_cast<std::size_t>(output)] != 0; }
  /// The row and column of the input that tap (r, s) looks at.
  std::string row(const std::string& r) const;
  std::string column(const std::string& s) const;
  /// ((outer * rows) + r) * columns + s: position of a tap among the kernel's, behind those of `outer`.
  std::string tap(const std::string& outer, const std::string& r, const std::string& s) const {
    return plus(times(plus(times(outer, d.kernel_h), r), d.kernel_w), s);
  }
  /// That the output belongs to.
  std::string group() const;
  /// Condition under which they, as h and w, lie in the image; empty where they always do.
  std::string inside() const;
};

/// Declares `acc`, or of two scales `acc_pos` and `acc_neg`, as 0.
void declare_sums(const Layer& layer);
/// Weight after weight, in the order of the ordered sum.
void sum_plain(const Layer& layer);
/// Words of channels.
void sum_bits(const Layer& layer);

}  // namespace tern::c99

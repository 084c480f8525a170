// The image moved up and left: y[c][h][w] = x[c][h + by][w + by]; outside the image 0, or the code pad_code.
#include <algorithm>

#include "infer/ops/node_reader.hpp"
#include "infer/ops/op.hpp"

namespace tern::infer {
namespace {

class Shift final : public Operation {
 public:
  Shift(const NodeReader& node, ValueType& result) : by_(node.integer("by", 0)) {
    node.expect_images();
    node.expect(by_ <= result.height() && by_ <= result.width(),
                "expected by within the image of " + result.shape.str());
    pad_code_ = node.pad_code();
    node.expect(!result.is_codes() || (pad_code_ >= result.lo && pad_code_ <= result.hi),
                "expected a pad_code, since 0 is no code of the input");
  }
  void run(std::span<const Dense> in, const Dense& out, Scratch&) const override {
    if (out.type->is_codes())
      move(*out.type, in[0].codes, static_cast<std::int8_t>(pad_code_), out.codes);
    else
      move(*out.type, in[0].floats, 0.0f, out.floats);
  }

 private:
  template <class T>
  void move(const ValueType& type, const T* x, T outside, T* y) const {
    const i64 rows = type.height(), cols = type.width();
    std::fill_n(y, type.numel(), outside);
    for (i64 c = 0; c < type.channels(); ++c) {
      for (i64 i = by_; i < rows; ++i)
        std::copy_n(x + (c * rows + i) * cols + by_, cols - by_, y + (c * rows + i - by_) * cols);
    }
  }

  i64 by_;
  int pad_code_ = 0;
};

}  // namespace

const Meaning shift_op{.read = read<Shift>, .carries_codes = true};

}  // namespace tern::infer

// Evaluation-only forms of layers whose float sums run in a defined order, the same that the packed runtime follows, so
// that both round at the same places (see kernels/exact.hpp). None of them records anything.
#pragma once

#include "tern/nn.hpp"
#include "tern/ops.hpp"

namespace tern {

/// Ascending over (c, r, s), multiply then add, from 0; then + bias.
Tensor conv2d_in_order(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options);
/// Ascending over the input features, multiply then add, from 0; then + bias.
Tensor linear_in_order(const Tensor& x, const Tensor& w, const Tensor& bias);
/// Row-major within the window, then divided by the count. Codes: exact sum S, then fl(fl(step * S) / count).
Tensor avg_pool2d_in_order(const Value& x, const Pool2dOptions& options);
Tensor global_avg_pool_in_order(const Value& x);

/// Sums of K products of codes must stay below 2^24 to be exact in float32 whatever the order.
/// Errors: ValueError if k * max_weight_code * max |input code| reaches that.
void check_exact_sums(std::int64_t k, int max_weight_code, const Value& x);

}  // namespace tern

// Reverse-mode differentiation. An operation computes its result and, if any input wants a gradient, record()s a node
// that knows how to turn the gradient of the result into gradients of the inputs. backward() walks the nodes in reverse
// order of creation. Walk and destruction are loops, never recursion, so a chain of any length is safe.
//
// record() is also the public extension point: a straight-through estimator is a function that computes its forward
// value and records a backward of its own choice.
//
//   Tensor heaviside(const Tensor& x) {                      // y = 1{x > 0},  dx = dy * 1{|x| <= 1}
//     Tensor y = ...;
//     return record("heaviside", y, {x}, [x](const Tensor& dy) { return std::vector<Tensor>{mask(dy, x)}; });
//   }
//
// Thread safety: a graph belongs to the thread that builds it. grad_enabled() is per thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tern/public.h"
#include "tern/tensor.hpp"

namespace tern {

/// Gradient of the result in, one gradient an input out (undefined = no gradient flows there).
/// Shapes: dy as the result; each gradient as its input, else backward() throws a ShapeError.
using BackwardFn = std::function<std::vector<Tensor>(const Tensor& dy)>;

TERN_PUBLIC bool grad_enabled();

/// While alive, record() records nothing on this thread.
class TERN_PUBLIC NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

/// Makes `y` the result of `op` on `inputs`. Returns y. Does nothing if recording is off or no input wants a gradient.
/// `backward` may keep inputs alive by capturing them; it must capture `y` only as y.detach(), else the graph never
/// dies.
TERN_PUBLIC Tensor record(std::string_view op, Tensor y, const std::vector<Tensor>& inputs, BackwardFn backward);
/// True if record() with these inputs would record: lets an op skip saving what only its backward needs.
TERN_PUBLIC bool will_record(const std::vector<Tensor>& inputs);

struct TERN_PUBLIC BackwardOptions {
  /// Keep the recorded graph for a second backward(). Otherwise each node is released as soon as it has been used, so
  /// that activations are freed while the walk proceeds.
  bool retain_graph = false;
};

/// Adds d(loss)/d(leaf) to grad() of every leaf that requires it. `seed` is d(loss), 1 by default.
/// Errors: ShapeError if loss has more than one element and no seed is given, or the seed's shape differs;
/// ValueError if nothing was recorded, or the graph was already released.
TERN_PUBLIC void backward(const Tensor& loss, const Tensor& seed = {}, BackwardOptions options = {});

/// Asks backward() to also fill grad() of an intermediate result.
TERN_PUBLIC void retain_grad(const Tensor& t);

/// The recorded graph in DOT, one box an operation with the shape of its result. For reading, not for parsing.
TERN_PUBLIC std::string graph_dot(const Tensor& loss);

}  // namespace tern

// The same bits for 1, 2 and 3 threads: every operation that adds across chunks, on shapes that have several chunks.
#include <functional>

#include "gradcheck.hpp"
#include "tern/parallel.hpp"

using namespace tern;
using tern::testing::bits;
using tern::testing::random;

namespace {

using Bits = std::vector<std::vector<float>>;

void check_same_bits(const std::function<Bits()>& run) {
  const int before = num_threads();
  set_num_threads(1);
  const Bits expected = run();
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Bits got = run();
      REQUIRE(got.size() == expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        INFO("result " << i << " with " << threads << " threads");
        CHECK(got[i] == expected[i]);
      }
    }
  }
  set_num_threads(before);
}

Tensor single(const Shape& shape, std::uint64_t seed) { return random(shape, seed).to(DType::kF32).clone(); }

}  // namespace

TEST_CASE("threads: convolution forward and backward", "[ops][threads]") {
  struct Case {
    Shape x, w;
    Conv2dOptions o;
  };
  const std::vector<Case> cases = {
      {Shape{19, 16, 16, 16}, Shape{16, 16, 3, 3}, Conv2dOptions::square(1, 1)},
      {Shape{19, 16, 17, 16}, Shape{32, 16, 3, 3}, Conv2dOptions::square(2, 1)},
      {Shape{40, 32, 7, 7}, Shape{32, 32, 3, 3}, Conv2dOptions::square(1, 1)},
      {Shape{40, 32, 4, 4}, Shape{64, 32, 1, 1}, Conv2dOptions::square(1, 0)},
      {Shape{9, 32, 16, 16}, Shape{64, 32, 1, 1}, Conv2dOptions::square(1, 0)},
      {Shape{9, 32, 14, 14}, Shape{32, 8, 3, 3}, Conv2dOptions::square(1, 1, 1, 4)},
      {Shape{9, 32, 14, 14}, Shape{32, 1, 3, 3}, Conv2dOptions::square(1, 2, 2, 32)},
      {Shape{2, 256, 4, 4}, Shape{256, 256, 3, 3}, Conv2dOptions::square(1, 1)},
  };
  for (const Case& c : cases) {
    INFO(c.x.str() << " with " << c.w.str());
    check_same_bits([&] {
      const Tensor x = single(c.x, 1).set_requires_grad(true), w = single(c.w, 2).set_requires_grad(true),
                   b = single(Shape{c.w[0]}, 3).set_requires_grad(true);
      const Tensor y = conv2d(x, w, b, c.o);
      backward(y, single(y.shape(), 4));
      return Bits{bits(y), bits(x.grad()), bits(w.grad()), bits(b.grad())};
    });
  }
}

TEST_CASE("threads: batch norm", "[ops][threads]") {
  for (const Shape& shape : {Shape{33, 16, 20, 20}, Shape{4000, 64}}) {
    check_same_bits([&] {
      const Tensor x = single(shape, 5).set_requires_grad(true), g = single(Shape{shape[1]}, 6).set_requires_grad(true),
                   b = single(Shape{shape[1]}, 7).set_requires_grad(true);
      BatchNormState state{Tensor::zeros(Shape{shape[1]}), Tensor::full(Shape{shape[1]}, 1.0)};
      const Tensor y = batch_norm(x, g, b, state, {.fuse_relu = true});
      backward(y, single(shape, 8));
      return Bits{bits(y),        bits(x.grad()),           bits(g.grad()),
                  bits(b.grad()), bits(state.running_mean), bits(state.running_var)};
    });
  }
}

TEST_CASE("threads: reductions, products and broadcasts", "[ops][threads]") {
  check_same_bits([] {
    const Tensor x = single(Shape{50, 64, 15, 15}, 9);
    return Bits{bits(sum(x)),          bits(sum(x, {0})),        bits(sum(x, {1})), bits(sum(x, {0, 2, 3})),
                bits(mean(x, {2, 3})), bits(mean(x, {0, 1, 3})), bits(max(x, 1)),   bits(global_avg_pool(x))};
  });
  check_same_bits([] {
    const Tensor x = single(Shape{200, 300}, 10).set_requires_grad(true),
                 w = single(Shape{150, 300}, 11).set_requires_grad(true),
                 b = single(Shape{150}, 12).set_requires_grad(true);
    const Tensor y = linear(x, w, b), z = mul(y, single(Shape{200, 1}, 13));
    backward(z, single(z.shape(), 14));
    return Bits{bits(z), bits(x.grad()), bits(w.grad()), bits(b.grad())};
  });
}

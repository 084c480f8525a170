// What a checkpoint's tensors may hold.
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "tern/error.hpp"
#include "train/checkpoint.hpp"

using tern::Shape;
using tern::Tensor;

TEST_CASE("checkpoint: shapes, dtypes and values that do not fit are named", "[train]") {
  const auto restore = [](const std::string& name, const Tensor& stored, const Tensor& target) {
    tern::restore({{name, stored}}, {{name, target}}, "run.safetensors");
  };
  const auto floats = [](std::vector<float> v) {
    const auto n = static_cast<std::int64_t>(v.size());
    return Tensor::from(v, Shape{n});
  };
  const Tensor target = Tensor::zeros(Shape{3});
  restore("bn.running_var", floats({0, 1, 2}), target);
  CHECK(target.to_vector() == std::vector<double>{0, 1, 2});
  restore("w", floats({-1, 3e38f, 0}), target);
  restore("step", Tensor::zeros(Shape{1}, tern::DType::kI64), Tensor::zeros(Shape{1}, tern::DType::kI64));

  const auto refused = [&](const std::string& name, const Tensor& stored, const std::string& why) {
    INFO(why);
    CHECK_THROWS_AS(restore(name, stored, target), tern::FormatError);
    CHECK_THROWS_WITH(restore(name, stored, target),
                      ContainsSubstring("run.safetensors: tensor \"" + name + "\" " + why));
  };
  constexpr float kInf = std::numeric_limits<float>::infinity();
  refused("w", floats({0, NAN, 0}), "holds nan at 1; expected finite values");
  refused("w", floats({0, 0, -kInf}), "holds -inf at 2; expected finite values");
  refused("bn.running_var", floats({-1, 0, 0}), "holds -1.000000 at 0; expected finite variances >= 0");
  refused("bn.running_var", floats({0, kInf, 0}), "holds inf at 1; expected finite variances >= 0");
  refused("w", floats({1, 2}), "has shape 2; expected 3");
  refused("w", Tensor::zeros(Shape{3}, tern::DType::kF64),
          "holds " + std::string(name_of(tern::DType::kF64)) + "; expected " + std::string(name_of(tern::DType::kF32)));
  const Tensor wide = Tensor::full(Shape{1}, std::numeric_limits<double>::infinity(), tern::DType::kF64);
  CHECK_THROWS_WITH(restore("w", wide, Tensor::zeros(Shape{1}, tern::DType::kF64)),
                    ContainsSubstring("holds inf at 0"));
}

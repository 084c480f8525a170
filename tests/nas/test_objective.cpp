// The mixed operation and the terms of the objective: worked examples, and finite differences in double.
#include <cmath>

#include "catch.hpp"
#include "gradcheck.hpp"
#include "tern/error.hpp"
#include "tern/nas.hpp"

using namespace tern;

namespace {

// The example's alpha, as the first of two rows where two are needed.
Tensor example_alpha() {
  return Tensor::from(std::vector<double>{0.5, -0.2, 0.1}, Shape{1, 3}).set_requires_grad(true);
}

}  // namespace

TEST_CASE("mixed operation: worked example", "[nas][golden]") {
  const Tensor alpha = example_alpha();
  const Tensor p = softmax(alpha);
  const std::vector<double> expected{0.461488, 0.229168, 0.309344};
  for (std::size_t i = 0; i < 3; ++i) CHECK(p.to_vector()[i] == Approx(expected[i]).margin(5e-7));
  std::vector<Tensor> outputs;
  for (const double v : {1.0, 2.0, -1.0}) outputs.push_back(Tensor::full(Shape{1}, v, DType::kF64));
  const Tensor out = weighted_sum(outputs, reshape(p, Shape{3}));
  CHECK(out.item() == Approx(0.610479).margin(5e-7));
  backward(out);
  const std::vector<double> gradient{0.179759, 0.318434, -0.498193};
  for (std::size_t i = 0; i < 3; ++i) CHECK(alpha.grad().to_vector()[i] == Approx(gradient[i]).margin(5e-7));
}

TEST_CASE("entropy: worked example", "[nas][golden]") {
  const Tensor alpha = example_alpha();
  const Tensor twin = example_alpha();
  const Tensor h = nas::mean_entropy({softmax(alpha), softmax(twin)});
  CHECK(h.item() == Approx(1.057455).margin(5e-7));
  backward(h);
  const std::vector<double> gradient{-0.131134, 0.095298, 0.035836};  // of one row; the mean is over two
  for (std::size_t i = 0; i < 3; ++i) CHECK(alpha.grad().to_vector()[i] == Approx(gradient[i] / 2).margin(5e-7));
}

TEST_CASE("entropy: finite differences, and no NaN where a probability has vanished", "[nas]") {
  testing::gradcheck(
      [](const std::vector<Tensor>& x) {
        return nas::mean_entropy({softmax(x[0]), softmax(x[1])});
      },
      {testing::random(Shape{4, 5}, 1), testing::random(Shape{3, 5}, 2)});
  Tensor alpha = Tensor::from(std::vector<float>{0, 200, -200}, Shape{1, 3}).set_requires_grad(true);
  const Tensor h = nas::mean_entropy({softmax(alpha), softmax(alpha)});
  backward(h);
  CHECK(h.item() == Approx(0).margin(1e-6));
  for (const double g : alpha.grad().to_vector()) CHECK(std::isfinite(g));
}

TEST_CASE("weighted sum: finite differences, checks", "[nas][ops]") {
  testing::gradcheck(
      [](const std::vector<Tensor>& x) {
        return weighted_sum({x[0], x[1], x[2]}, x[3]);
      },
      {testing::random(Shape{2, 3, 5}, 1), testing::random(Shape{2, 3, 5}, 2), testing::random(Shape{2, 3, 5}, 3),
       testing::random(Shape{3}, 4)});
  const Tensor x = Tensor::zeros(Shape{2, 2});
  CHECK_THROWS_AS(weighted_sum({}, Tensor::zeros(Shape{0})), ValueError);
  CHECK_THROWS_AS(weighted_sum({x}, Tensor::zeros(Shape{2})), ShapeError);
  CHECK_THROWS_AS(weighted_sum({x, Tensor::zeros(Shape{4})}, Tensor::zeros(Shape{2})), ShapeError);
}

TEST_CASE("mixed batch norm: finite differences, and the same as batch norms and a weighted sum", "[nas][ops]") {
  const auto states = [] {
    std::vector<BatchNormState> out;
    for (int k = 0; k < 2; ++k) out.push_back({Tensor::zeros(Shape{3}), Tensor::full(Shape{3}, 1.0)});
    return out;
  };
  const std::vector<Tensor> inputs{testing::random(Shape{4, 3, 2, 2}, 1), testing::random(Shape{4, 3, 2, 2}, 2),
                                   testing::random(Shape{2}, 3)};
  for (const bool training : {true, false}) {
    const BatchNormOptions options{.training = training, .update_running = false};
    testing::gradcheck(
        [&](const std::vector<Tensor>& x) {
          return mixed_batch_norm({x[0], x[1]}, x[2], states(), options);
        },
        inputs);
  }
  const BatchNormOptions options;
  const std::vector<BatchNormState> fused = states(), apart = states();
  const std::vector<double> got = mixed_batch_norm({inputs[0], inputs[1]}, inputs[2], fused, options).to_vector();
  std::vector<Tensor> normed;
  for (std::size_t k = 0; k < 2; ++k) {
    BatchNormState state = apart[k];
    normed.push_back(batch_norm(inputs[k], {}, {}, state, options));
  }
  const std::vector<double> want = weighted_sum(normed, inputs[2]).to_vector();
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(1e-9));
  for (std::size_t k = 0; k < 2; ++k) CHECK(fused[k].running_var.to_vector() == apart[k].running_var.to_vector());
  CHECK_THROWS_AS(mixed_batch_norm({inputs[0]}, inputs[2], states(), options), ValueError);
}

TEST_CASE("expected cost: certain mixtures cost what the final network costs", "[nas]") {
  nas::CellOptions o;
  o.cells = 6;
  o.width = 8;
  o.input = Shape{3, 16, 16};
  Rng rng(4);
  // Both edges of each node drawn, every edge into a node with the operation of the kept ones: then the mean over the
  // edges times two is exactly the cost of the two kept.
  for (const char* op : {"tconv3", "tdil5", "max3"}) {
    nas::Genotype g{.space = "tas", .cell_template = "tas", .normal = {}, .reduce = {}};
    for (std::size_t i = 0; i < 8; ++i) {
      g.normal[i] = {op, static_cast<int>(i % 2)};
      g.reduce[i] = {"avg3", static_cast<int>(i % 2)};
    }
    nas::Mixture p{Tensor::zeros(Shape{14, 7}), Tensor::zeros(Shape{14, 7})};
    const auto& ops = nas::space("tas").ops;
    for (std::int64_t e = 0; e < 14; ++e) {
      for (std::int64_t i = 0; i < 7; ++i) {
        p.normal.data<float>()[e * 7 + i] = ops[static_cast<std::size_t>(i)] == op ? 1.0f : 0.0f;
        p.reduce.data<float>()[e * 7 + i] = ops[static_cast<std::size_t>(i)] == "avg3" ? 1.0f : 0.0f;
      }
    }
    const nas::WeightCount n = nas::count_weights(nas::final_graph(g, o));
    INFO(op);
    CHECK(nas::expected_cost(p, nas::cost_table(o, nas::Cost::kMacs)).item() ==
          Approx(static_cast<double>(n.macs)).epsilon(1e-6));
    const double bytes = static_cast<double>(n.quantized) * 0.2 + static_cast<double>(n.all - n.quantized) * 4;
    CHECK(nas::expected_cost(p, nas::cost_table(o, nas::Cost::kBytes)).item() == Approx(bytes).epsilon(1e-6));
  }
}

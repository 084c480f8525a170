// The two vectors of the worked examples, and how they are run.
#pragma once

#include <string>
#include <vector>

#include "catch.hpp"
#include "tern/autograd.hpp"
#include "tern/quant.hpp"

using Values = std::vector<double>;

inline const Values kW{0.9, -0.8, 0.3, -0.2, 0.05, -0.6, 0.45, -0.1};
inline const Values kG{0.1, -0.2, 0.3, 0.4, -0.5, 0.6, -0.7, 0.8};

inline void check_values(const tern::Tensor& got, const Values& want, double tolerance) {
  const Values have = got.to_vector();
  REQUIRE(have.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    INFO("element " << i);
    CHECK(have[i] == Approx(want[i]).margin(tolerance));
  }
}

inline tern::Tensor leaf(const Values& v, const tern::Shape& shape, tern::DType dtype) {
  tern::Tensor t = tern::Tensor::from(v, shape).to(dtype);
  t = t.clone();
  t.set_requires_grad(true);
  return t;
}

inline tern::Tensor learnable_of(std::vector<tern::NamedTensor> all, const std::string& name) {
  for (const auto& t : all) {
    if (t.name == name) return t.value;
  }
  FAIL("no learnable " << name);
  return {};
}

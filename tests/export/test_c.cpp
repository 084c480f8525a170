// Every row of src/infer/ops/ops.def in C: compiled without a warning as C99 and as C++, with words of both sizes and
// weights in both forms, and the same bits as the reference. That each row has an emitter, the compiler sees:
// src/export/c/body.cpp takes its table from ops.def.
#include "c_programs.hpp"
#include "infer/examples.hpp"

using namespace tern;

TEST_CASE("c: every operation computes the reference's bits", "[export]") {
  test::CPrograms programs;
  int words = 32;
  for (const infer::PackedOp& op : infer::packed_ops()) {
    for (const test::Builder& b : test::examples(op.name)) {
      programs.add(b.model, {.words = 32, .form = "bits"}, 2);
      programs.add(b.model, {.words = 64, .form = "bits"}, 2);
      programs.add(b.model, {.words = words = 96 - words, .form = "base3"}, 2);
    }
  }
  programs.check(test::c_compilers());
}

TEST_CASE("c: layers on codes of every width, padding, weight and number of channels", "[export]") {
  using Weights = test::Builder::Weights;
  test::CPrograms programs;
  for (const auto& [lo, hi] : {std::pair{-1, 1}, {0, 1}, {0, 3}, {1, 2}, {-4, 7}, {0, 100}}) {
    for (const int channels : {3, 16, 40, 64}) {
      test::Builder b(static_cast<std::uint64_t>(100 + channels + lo));
      const test::Attrs pad1{{"pad", "1"}};
      const std::string x = b.quantize(b.affine(b.conv(b.input("2x5x4"), channels, 3, 3, {}, pad1)), lo, hi, "0.5");
      std::vector<std::string> parts;
      for (const std::string& code : {std::to_string(lo), std::to_string(hi), std::string()}) {
        test::Attrs padded = pad1;
        if (!code.empty()) padded.emplace_back("pad_code", code);
        for (const Weights& w :
             {Weights{.max_code = 1}, Weights{.max_code = 1, .scales = 2, .bias = true},
              Weights{.max_code = 1, .binary = true}, Weights{.max_code = 3, .scales = 2}, Weights{.max_code = 5}})
          parts.push_back(b.conv(x, 4, 3, 3, w, padded));
        parts.push_back(
            b.conv(b.conv(x, 40, 3, 3, {.max_code = 1, .lo = 0, .hi = 5}, padded), 4, 1, 1, {.max_code = 1}));
        padded.emplace_back("groups", channels % 2 ? "1" : "2");
        parts.push_back(b.conv(x, 4, 3, 3, {.max_code = 1, .scales = 2}, padded));
      }
      b.linear(b.plain("flatten", {b.plain("add", parts)}), 5, {});
      programs.add(b.model, {.words = channels == 64 ? 32 : 64, .form = "bits"}, 2);
      if (channels == 40) programs.add(b.model, {.form = "base3"}, 2);
    }
  }
  programs.check({test::c_compilers().front(), test::watching()});
}

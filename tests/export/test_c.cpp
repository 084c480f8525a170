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

TEST_CASE("c: scores of integer networks are rounded as single precision rounds", "[export]") {
  using Weights = test::Builder::Weights;
  test::CPrograms programs;
  const auto network = [](const Weights& last, std::uint64_t seed) {
    test::Builder b(seed);
    const std::string x = b.quantize(b.input("2x9x8"), -128, 127, "0.0123");
    b.linear(b.plain("flatten", {b.conv(x, 30, 3, 3, {.max_code = 1, .lo = -4, .hi = 7})}), 20, last);
    return b.model;
  };
  const auto add = [&](const packed::Model& m, bool whole) {
    const bool is = export_c(m).files.at("net.h").find("typedef int64_t net_score;") != std::string::npos;
    CHECK(is == whole);
    programs.add(m, {}, 4);
  };
  std::uint64_t seed = 70;
  for (const int scales : {0, 1, 2}) {
    for (const bool bias : {false, true}) {
      packed::Model m = network({.max_code = 3, .scales = scales, .bias = bias}, seed++);
      for (const char* scale : {".scale_pos", ".scale_neg"}) {
        const auto it = m.blobs.find(m.graph.nodes().back().name + scale);
        if (it == m.blobs.end()) continue;
        std::vector<float> values = it->second.f32;
        for (float& v : values) v = std::abs(v);
        it->second = packed::Blob::of_floats({20}, values);
      }
      add(m, true);
    }
  }
  packed::Model far = network({.max_code = 1}, seed++);
  std::vector<float> scales(20, 0x1.fffffep0f);
  scales[3] = 0x1.fffffep-60f;
  far.blobs.at(far.graph.nodes().back().name + ".scale_pos") = packed::Blob::of_floats({20}, scales);
  add(far, false);
  test::Builder codes(seed);
  codes.linear(codes.plain("flatten", {codes.quantize(codes.input("1x4x4"), -3, 3)}), 5,
               {.max_code = 1, .lo = -2, .hi = 3});
  add(codes.model, true);
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

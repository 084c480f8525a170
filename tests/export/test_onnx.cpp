// ONNX files: what is in the messages, that each form holds every packed operation or refuses it by name, and the lines
// that thresholds lie on. What the files compute, tests/cross/onnx.py compares in onnxruntime.
#include <algorithm>
#include <cmath>
#include <limits>

#include "convert/packing.hpp"
#include "export/onnx/codes.hpp"
#include "infer/examples.hpp"
#include "kernels/exact.hpp"
#include "onnx_file.hpp"
#include "tern/export.hpp"
#include "tern/rng.hpp"

using namespace tern;
using test::OnnxFile;
using test::OnnxTensor;

namespace {

constexpr OnnxForm kForms[] = {OnnxForm::kDefault, OnnxForm::kExact, OnnxForm::kInt2};
constexpr std::int64_t kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kInt2 = 26;

std::int64_t bytes_of(const OnnxTensor& t) {
  switch (t.type) {
    case kFloat:
    case kInt32:
      return 4 * t.elements;
    case kInt64:
      return 8 * t.elements;
    case kUint8:
    case kInt8:
      return t.elements;
    case kInt2:
      return (t.elements + 3) / 4;
    default:
      FAIL("type " << t.type);
      return 0;
  }
}

// Everything is defined once, before it is read, and read by something.
void check_sound(const OnnxFile& file) {
  std::set<std::string> known{file.input}, read{file.output};
  const auto define = [&](const std::string& name) { CHECK(known.insert(name).second); };
  for (const auto& [name, tensor] : file.tensors) {
    INFO(name);
    define(name);
    CHECK(static_cast<std::int64_t>(tensor.bytes.size()) == bytes_of(tensor));
  }
  for (const test::OnnxNode& n : file.nodes) {
    INFO(n.output);
    for (const std::string& in : n.inputs) CHECK(known.contains(in));
    read.insert(n.inputs.begin(), n.inputs.end());
    define(n.output);
  }
  for (const auto& [name, tensor] : file.tensors) CHECK(read.contains(name));
  CHECK(known.contains(file.output));
}

packed::Model ternary_network() {
  packed::Model m = pack(testing::shaken(
      "tern-graph 1\nimage = input() shape=2x8x8 mean=0.5,0.4 std=0.2,0.25"
      "\nc1 = conv2d(image) out=6 kernel=3 pad=1\nb1 = batch_norm(c1)\nq1 = quantize(b1) acts=ternary"
      "\nc2 = conv2d(q1) out=9 kernel=3 pad=1 weights=twn\nb2 = batch_norm(c2)\nq2 = quantize(b2) acts=ternary"
      "\nf = flatten(q2)\nl = linear(f) out=5\n",
      7));
  m.meta["class.0"] = "shirt";
  m.meta["data.images"] = "2x8x8";
  return m;
}

std::size_t tensors_of(const OnnxFile& file, std::int64_t type, std::size_t rank) {
  std::size_t n = 0;
  for (const auto& [name, t] : file.tensors) n += t.type == type && t.dims.size() == rank ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("onnx: every packed operation in every form", "[onnx]") {
  for (const infer::PackedOp& op : infer::packed_ops()) {
    const auto examples = test::examples(op.name);
    REQUIRE_FALSE(examples.empty());
    for (const test::Builder& b : examples) {
      for (const OnnxForm form : kForms) {
        INFO(b.model.graph.format() << "form " << static_cast<int>(form));
        const OnnxFile file(export_onnx(b.model, form));
        check_sound(file);
        CHECK(file.output_dims == std::vector<std::string>{"batch", "3"});
      }
    }
  }
}

TEST_CASE("onnx: what a file says of itself", "[onnx]") {
  const packed::Model model = ternary_network();
  for (const OnnxForm form : kForms) {
    const OnnxFile file(export_onnx(model, form));
    CHECK(file.opset == (form == OnnxForm::kInt2 ? 25 : 21));
    CHECK(file.ir_version == (form == OnnxForm::kInt2 ? 13 : 10));
    CHECK(file.metadata == model.meta);
    CHECK(file.input == "image");
    CHECK(file.input_type == kUint8);
    CHECK(file.input_dims == std::vector<std::string>{"batch", "2", "8", "8"});
    CHECK(file.output == "l");
    CHECK(file.output_dims == std::vector<std::string>{"batch", "5"});
  }
}

TEST_CASE("onnx: the forms differ in what makes codes and holds weights", "[onnx]") {
  const packed::Model model = ternary_network();
  const OnnxFile plain(export_onnx(model)), exact(export_onnx(model, OnnxForm::kExact)),
      two(export_onnx(model, OnnxForm::kInt2));
  CHECK(plain.ops().count("QuantizeLinear") == 2);
  CHECK(plain.ops().count("DequantizeLinear") == 3);  // with the weights'
  CHECK(plain.ops().count("GreaterOrEqual") == 0);
  CHECK(tensors_of(plain, kInt8, 4) == 1);
  CHECK(exact.ops().count("QuantizeLinear") == 0);
  CHECK(exact.ops().count("DequantizeLinear") == 0);
  CHECK(exact.ops().count("GreaterOrEqual") == 4);
  CHECK(exact.ops().count("Scan") == 2);  // full precision
  CHECK(two.ops() == plain.ops());
  CHECK(tensors_of(two, kInt8, 4) == 0);
  CHECK(tensors_of(two, kInt2, 4) == 1);
}

TEST_CASE("onnx: four weights in a byte, the first lowest", "[onnx]") {
  const std::vector<std::int8_t> codes{1, 0, -1, -2, -1};
  const onnx::Tensor t = onnx::Tensor::of_two_bits({5}, codes);
  CHECK(t.bytes == std::string("\xB1\x03"));
}

TEST_CASE("onnx: the exact form refuses sums that floats do not hold, by the node's name", "[onnx]") {
  test::Builder b(1);
  b.linear(b.plain("flatten", {b.quantize(b.input("1x400x400"), -100, 100, "0.5")}), 2, {.max_code = 3});
  CHECK_NOTHROW(export_onnx(b.model));
  CHECK_THROWS_WITH(export_onnx(b.model, OnnxForm::kExact),
                    ContainsSubstring(b.model.graph.output().name) && ContainsSubstring("exact up to 16777216"));
}

TEST_CASE("onnx: thresholds become a grid where they are its midpoints", "[onnx]") {
  CHECK(onnx::grid_of(std::vector<float>{-0.5f, 0.5f}, -1) == 1.0f);
  CHECK(onnx::grid_of(std::vector<float>{0.125f, 0.375f, 0.625f}, 0) == 0.25f);
  CHECK(onnx::grid_of(std::vector<float>{0.25f}, 0) == 0.5f);
  for (const auto& [thresholds, lo] : {std::pair{std::vector<float>{-0.5f, 0.6f}, -1},
                                       {std::vector<float>{0.0f, 0.0f}, -1},
                                       {std::vector<float>{-1.0f}, 0},
                                       {std::vector<float>{0.125f, 0.375f, 0.626f}, 0},
                                       {std::vector<float>{0.125f, 0.375f, INFINITY}, 0},
                                       {std::vector<float>{-INFINITY, 0.5f}, -1}})
    CHECK_FALSE(onnx::grid_of(thresholds, lo).has_value());
}

TEST_CASE("onnx: a line crosses its midpoints where sums reach the thresholds", "[onnx]") {
  Rng rng(3);
  constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max();
  int found = 0, none = 0;
  for (int round = 0; round < 300; ++round) {
    const int reach = 1 + static_cast<int>(rng.next_u32() % 200), levels = 1 + round % 7, lo = -(round % 4);
    std::vector<std::int32_t> thresholds;
    if (round % 2 == 0) {
      const double first = reach * (double{rng.uniform()} - 0.5), spacing = reach * double{rng.uniform()} / 2;
      for (int j = 0; j < levels; ++j) thresholds.push_back(static_cast<std::int32_t>(std::ceil(first + spacing * j)));
    } else {
      for (int j = 0; j < levels; ++j) thresholds.push_back(static_cast<std::int32_t>(rng.next_u32() % 400) - 200);
      std::sort(thresholds.begin(), thresholds.end());
    }
    if (round % 5 == 0) thresholds.back() = kNever;
    const auto line = onnx::line_of(thresholds, lo, reach);
    ++(line ? found : none);
    for (std::int32_t acc = -reach; line && acc <= reach; ++acc) {
      const double y = line->slope * acc + line->offset;
      const int code = std::clamp(static_cast<int>(std::nearbyint(y)), lo, lo + levels);
      INFO(acc << " of " << reach << " gives " << y);
      REQUIRE(code == exact::quantize(acc, thresholds, false, lo));
    }
  }
  CHECK(found > 100);
  CHECK(none > 50);
}

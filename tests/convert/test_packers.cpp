// Every layer that can be packed, one at a time; and packers from outside.
#include <algorithm>
#include <map>
#include <set>

#include "catch.hpp"
#include "convert/packer.hpp"
#include "convert/packing.hpp"
#include "layer_samples.hpp"
#include "nn/registry.hpp"
#include "registration.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"

using namespace tern;
using namespace tern::testing;

namespace {

// y = x + x + x, packed in ways that the tests choose.
class Thrice final : public Layer {
 public:
  explicit Thrice(const LayerPlace& place) : shape_(place.inputs.at(0)) {}
  Value forward(const std::vector<Value>& in, const ForwardContext&) override {
    const Tensor x = in[0].real();
    return {add(add(x, x), x)};
  }
  Shape output_shape() const override { return shape_; }

 private:
  Shape shape_;
};

}  // namespace

TEST_CASE("packers: a row for every layer, a packer or a reason", "[convert]") {
  std::vector<std::string> ops, packed;
  for (const RegistryInfo& layer : layers()) ops.push_back(layer.key);
  for (const PackerInfo& row : packers()) packed.push_back(row.op);
  std::sort(ops.begin(), ops.end());
  std::sort(packed.begin(), packed.end());
  CHECK(packed == ops);
}

TEST_CASE("packers: every layer that packs infers what evaluation computes, any other is refused", "[convert]") {
  std::map<std::string, std::string> reasons;
  for (const PackerInfo& row : packers()) reasons[row.op] = row.reason;
  std::set<std::string> identical;
  for (const LayerSample& sample : kLayerSamples) {
    INFO(sample.op << ": " << sample.lines);
    const std::string graph = before_sample() + sample.lines + "\nf = flatten(x)\nfc = linear(f) out=4\n";
    if (sample.packs && reasons.at(sample.op).empty()) {
      check_identical(graph, 3, 6);
      identical.insert(sample.op);
    } else {
      CHECK_THROWS_WITH(pack(shaken(graph, 11)), ContainsSubstring(" has no packed form"));
    }
  }
  for (const auto& [op, reason] : reasons) {
    INFO("tests/support/layer_samples.hpp has no sample that packs of the layer \"" << op << "\"");
    CHECK(reason.empty() == identical.contains(op));
  }
}

TEST_CASE("packers: a layer without a packed form is refused with its reason", "[convert]") {
  const Network net = shaken(
      "tern-graph 1\nimage = input() shape=1x4x4\na = given() shape=1x1\nm = mix(a, image) row=0 columns=0\n", 1);
  CHECK_THROWS_AS(pack(net), ValueError);
  CHECK_THROWS_WITH(pack(net), ContainsSubstring("[pack] node \"a\": the op \"given\" has no packed form: its value"));
}

TEST_CASE("register_packer: how layers from outside pack", "[convert][register]") {
  const std::string op = kNewName;
  register_layer(op, "x + x + x", [](const LayerPlace& place) { return std::make_unique<Thrice>(place); });
  const Removal layer(layer_registry(), op);
  const auto sum = [](PackContext& c) {
    const std::string x = c.inputs()[0];
    c.finish({.op = "add", .inputs = {x, x, x}});
  };
  check_registration(
      packer_registry(), [&](const std::string& name, bool whole) { register_packer(name, whole ? sum : Packer()); },
      packers, [](const PackerInfo& row) { return row.op; },
      [](const std::string& name) {
        check_identical(before_sample() + "x = " + name + "(b)\nf = flatten(x)\nfc = linear(f) out=4\n", 3, 6);
      });
  CHECK_THROWS_AS(register_packer("mix", sum), ValueError);
}

TEST_CASE("packers: a layer from outside composes operations", "[convert]") {
  Packer how;  // what the case at hand does
  register_layer("thrice", "x + x + x", [](const LayerPlace& place) { return std::make_unique<Thrice>(place); });
  const Removal layer(layer_registry(), "thrice");
  register_packer("thrice", [&](PackContext& c) { how(c); });
  const Removal packer(packer_registry(), "thrice");
  const std::string graph = before_sample() +
                            "x.add = act(b) kind=relu\nx = thrice(q)\nf = flatten(x)\nd = flatten(x.add)\nfd = "
                            "linear(d) out=4\nfx = linear(f) out=4\ny = add(fd, fx)\n";
  const auto sum = [](PackContext& c) {
    const std::string x = c.inputs()[0];
    CHECK(c.codes({x})->hi == 1);
    return c.add({.op = "add", .inputs = {x, x}});
  };

  SECTION("several packed nodes make one value, under names that nothing else has") {
    how = [&](PackContext& c) {
      const std::string two = sum(c);
      CHECK(two == "x.add2");
      CHECK_FALSE(c.codes({two}));
      c.finish({.op = "add", .inputs = {two, c.inputs()[0]}});
    };
    check_identical(graph, 3, 6);
  }
  SECTION("another value is found") {
    how = [&](PackContext& c) { c.pass_through(sum(c)); };
    Network net = shaken(graph, 11);
    const packed::Model model = pack(net);
    CHECK_FALSE(verify(net, model, {}, tern::testing::random_bytes(3, 6, 10, 5), 10).identical());
  }
  SECTION("a packer without a result, an operation that is none, and a chain that is none are refused") {
    const Network net = shaken(graph, 11);
    how = [&](PackContext& c) { sum(c); };
    CHECK_THROWS_WITH(pack(net), ContainsSubstring("[pack] node \"x\": its packer finished without a result"));
    how = [](PackContext& c) { c.finish({.op = "triple", .inputs = c.inputs()}); };
    CHECK_THROWS_WITH(pack(net), ContainsSubstring("[pack] node \"x\": unknown packed operation \"triple\"; ") &&
                                     ContainsSubstring("affine, quantize"));
    how = [](PackContext& c) { c.finish({.op = "affine", .inputs = c.inputs()}); };
    CHECK_THROWS_WITH(pack(net), ContainsSubstring("no session would load the result") && ContainsSubstring("x.k1"));
    how = [](PackContext& c) {
      c.finish({.op = "add", .inputs = {c.inputs()[0], c.inputs()[0]}},
               static_cast<std::size_t>(c.network().graph().find("fd")));
    };
    CHECK_THROWS_WITH(pack(net), ContainsSubstring("node \"x\": \"fd\" is not reached by single readers"));
  }
}

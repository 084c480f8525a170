// Whole networks: every quantizer of the registries, every topology.
#include "c_programs.hpp"
#include "convert/packing.hpp"

using namespace tern;

namespace {

// Two layers between a first and a last one in full precision, or quantized too.
std::string small_network(const std::string& weights, const std::string& acts) {
  return "tern-graph 1\nimage = input() shape=2x8x8 mean=0.5,0.4 std=0.2,0.25"
         "\nc1 = conv2d(image) out=6 kernel=3 pad=1\nb1 = batch_norm(c1)\nq1 = quantize(b1) acts=" +
         acts + "\nc2 = conv2d(q1) out=9 kernel=3 pad=1 weights=" + weights +
         "\nb2 = batch_norm(c2)\nq2 = quantize(b2) acts=" + acts +
         "\np = max_pool(q2) kernel=2\nc3 = conv2d(p) out=40 kernel=2 stride=2 weights=" + weights +
         "\nb3 = batch_norm(c3)\nq3 = quantize(b3) acts=" + acts +
         "\nf = flatten(q3)\nl = linear(f) out=5 weights=" + weights + " bias=1\n";
}

Network topology(const std::string& model, const std::string& weights, const std::string& acts, bool first_last) {
  ModelOptions o;
  o.input = Shape{3, 32, 32};
  o.weights = weights;
  o.acts = acts;
  o.width = model == "nin" ? 12 : 4;
  o.quantize_first_last = first_last;
  return testing::shaken(make_model(model, o).format(), 3);
}

// One compiler is enough here: operations were compared with all of them.
std::vector<std::string> one_compiler() { return {test::c_compilers().at(1)}; }

}  // namespace

TEST_CASE("c: networks of every weight and activation quantizer", "[export]") {
  const auto weights = weight_quantizers(), acts = act_quantizers();
  test::CPrograms programs;
  for (std::size_t i = 0; i < std::max(weights.size(), acts.size()); ++i) {
    const std::string w = weights[i % weights.size()].key, a = acts[i % acts.size()].key;
    INFO(w << " " << a);
    programs.add(pack(testing::shaken(small_network(w, a), 5 + i)), {.words = i % 2 ? 32 : 64}, 3);
  }
  programs.check(one_compiler());
}

TEST_CASE("c: every topology", "[export]") {
  test::CPrograms programs;
  bool first_last = false;
  for (const auto& m : models()) {
    const bool gates = m.key == "ornet_11" || m.key == "muxornet_11";
    INFO(m.key);
    programs.add(pack(topology(m.key, gates ? "heq" : "twn", gates ? "heaviside" : "ternary", first_last)), {}, 1);
    first_last = !first_last;
  }
  programs.check(one_compiler());
}

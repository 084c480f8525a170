// Every weight quantizer with every activation quantizer of the registry: packs, survives the file format, and infers
// code by code what evaluation computes, on every instruction set.
#include "begin_step.hpp"
#include "catch.hpp"
#include "convert/packing.hpp"
#include "tern/convert.hpp"

using tern::Graph;
using tern::Network;
using tern::Rng;
using tern::Shape;
using tern::Tensor;

namespace {

constexpr int kPairSide = 6, kPairImages = 3;

// Each key as it is, and the options that change codes, scales or thresholds.
std::vector<std::string> weight_specs() {
  std::vector<std::string> out{
      "twn:threshold=exact", "twn:group=filter", "tas:learn_delta=0", "heq:n=5",       "heq:n=7",
      "lsq:bits=2",          "lsq:bits=4",       "lsq:bits=7",        "dorefa:bits=1", "dorefa:bits=4",
      "grid:levels=binary",  "grid:levels=five", "grid:levels=pow2",  "none"};
  for (const auto& q : tern::weight_quantizers()) out.push_back(q.key);
  return out;
}
std::vector<std::string> act_specs() {
  std::vector<std::string> out{"ternary:threshold=mean",
                               "fatnn:mode=unsigned",
                               "tas:mode=relu01",
                               "tas:mode=relu012",
                               "lsq:bits=uternary",
                               "lsq:bits=1",
                               "lsq:bits=2",
                               "lsq:bits=4",
                               "lsq:bits=7",
                               "dorefa:bits=1",
                               "dorefa:bits=3",
                               "dorefa:bits=4"};
  for (const auto& q : tern::act_quantizers()) out.push_back(q.key);
  return out;
}

// A folded convolution, one whose sums stay real because they are added, an unfolded dense layer; sums of codes are
// pooled both ways. Batch norms have gains of both signs.
Network tiny(const std::string& weights, const std::string& acts) {
  const std::string w = weights == "none" ? "" : " weights=" + weights, a = " acts=" + acts;
  Network net(
      Graph::parse("tern-graph 1\nimage = input() shape=2x6x6 mean=0.5,0.4 std=0.2,0.25"
                   "\nc1 = conv2d(image) out=8 kernel=3 pad=1\nb1 = batch_norm(c1)\nq1 = quantize(b1)" +
                   a + "\nc2 = conv2d(q1) out=5 kernel=3 pad=1" + w + "\nb2 = batch_norm(c2)\nq2 = quantize(b2)" + a +
                   "\np2 = max_pool(q2) kernel=2\nc3 = conv2d(p2) out=5 kernel=2 pad=1 stride=2 bias=1" + w +
                   "\nb3 = batch_norm(c3)\na2 = avg_pool(q2) kernel=3 stride=3\ns = add(b3, a2)\nq3 = quantize(s)" + a +
                   "\nf = flatten(q3)\nfc = linear(f) out=4" + w + "\n"),
      3);
  Rng rng(4);
  for (const auto& p : net.parameters()) {
    if (p.kind != tern::ParamKind::kNorm && p.kind != tern::ParamKind::kBias) continue;
    for (float& x : p.value.span<float>()) x = p.name.ends_with("gamma") ? rng.normal() : 0.3f * rng.normal();
  }
  const Tensor images = Tensor::empty(Shape{8, 2, kPairSide, kPairSide});
  for (float& x : images.span<float>()) x = rng.normal();
  tern::testing::begin_step(net, images);
  net.forward(images);
  net.set_training(false);
  return net;
}

}  // namespace

TEST_CASE("pack: every weight quantizer with every activation quantizer", "[convert]") {
  const tern::Images images = tern::testing::random_bytes(2, kPairSide, kPairImages, 6);
  for (const std::string& weights : weight_specs()) {
    for (const std::string& acts : act_specs()) {
      INFO("weights " << weights << ", acts " << acts);
      Network net = tiny(weights, acts);
      const auto packed = tern::packed::decode(tern::packed::encode(tern::pack(net)));
      for (const tern::infer::Options& how : tern::infer::every_path()) {
        INFO(tern::name_of(*how.isa) << " " << how.kernel);
        const auto r = tern::verify(net, packed, how, images, kPairImages);
        for (const auto& n : r.nodes) {
          INFO(n.name);
          CHECK(n.different == 0);
        }
        CHECK(r.identical());
        CHECK(r.codes > 0);
      }
    }
  }
}

// verify: the trained network in evaluation against the packed one, value by value.
#include <algorithm>
#include <bit>
#include <cstring>

#include "tern/convert.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

// The network is left without a tap, which refers to what ends with verify(), also if an image is refused.
struct Untapped {
  Network& network;
  ~Untapped() { network.set_tap({}); }
};

// What one node of the network produced for the current batch.
struct Seen {
  Tensor values;
  bool codes = false;
};

std::vector<float> input_numbers(const packed::Model& model, const char* key, std::int64_t channels, float fallback) {
  const GraphNode& input = model.graph.nodes().front();
  return input.has(key) ? input.numbers(key) : std::vector<float>(static_cast<std::size_t>(channels), fallback);
}

}  // namespace

bool VerifyResult::identical() const {
  return images > 0 && same_predictions == images &&
         std::all_of(nodes.begin(), nodes.end(), [](const Node& n) { return n.different == 0; });
}

VerifyResult verify(Network& network, const packed::Model& model, const infer::Options& how, const Images& images,
                    std::int64_t batch, const std::function<void(std::int64_t, std::int64_t)>& progress) {
  network.set_training(false);
  infer::Session session(model, how);
  const Shape want = session.input_shape();
  const Shape has = network.input_shape();
  if (!(want == has) || images.channels != want[0] || images.height != want[1] || images.width != want[2]) {
    throw ShapeError("[verify] expected one shape; the network takes " + has.str() + ", the packed file " + want.str() +
                     ", the images are " + Shape{images.channels, images.height, images.width}.str());
  }
  const std::int64_t classes = session.classes();
  if (classes != network.output_shape().numel()) {
    throw ShapeError("[verify] expected one number of classes; the network has " +
                     std::to_string(network.output_shape().numel()) + ", the packed file " + std::to_string(classes));
  }
  VerifyResult r;
  r.isa = name_of(session.isa());
  r.kernel = how.kernel;
  std::map<std::string, Seen> seen;
  std::map<std::string, std::size_t> row;
  const Untapped untapped{network};
  network.set_tap([&](const GraphNode& node, const Value& v) { seen[node.name] = {v.t.contiguous(), v.is_codes()}; });
  session.set_tap([&](const infer::TapValue& v) {
    const std::string name = v.node.text("value_of", "");
    const auto it = seen.find(name);
    if (it == seen.end() || v.node.op == "input") return;
    const auto [at, fresh] = row.emplace(name, r.nodes.size());
    if (fresh) r.nodes.push_back({name, 0, 0, v.step != 0});
    VerifyResult::Node& node = r.nodes[at->second];
    const auto expected = it->second.values.span<float>();
    const std::size_t n = expected.size();
    node.values += static_cast<std::int64_t>(n);
    if (it->second.codes != (v.step != 0) || n != (v.step != 0 ? v.codes.size() : v.floats.size())) {
      node.different += static_cast<std::int64_t>(n);
      return;
    }
    for (std::size_t k = 0; k < n; ++k) {
      // +0 and -0 are one value: no comparison, sum or product downstream can tell them apart.
      const bool same = v.step != 0 ? expected[k] == static_cast<float>(v.codes[k])
                                    : expected[k] == v.floats[k] || std::bit_cast<std::uint32_t>(expected[k]) ==
                                                                        std::bit_cast<std::uint32_t>(v.floats[k]);
      node.different += !same;
    }
  });
  const Normalizer normalizer(input_numbers(model, "mean", want[0], 0.0f), input_numbers(model, "std", want[0], 1.0f));
  BatchLoader loader(images, normalizer, {.batch_size = static_cast<int>(std::min(batch, images.count()))});
  const auto per_image = static_cast<std::size_t>(want.numel());
  std::int64_t done = 0;
  for (Batch b; loader.next(b);) {
    const Tensor logits = network.forward(Tensor::from(b.images, Shape{b.size(), want[0], want[1], want[2]}));
    const auto bytes =
        std::span(images.pixels)
            .subspan(static_cast<std::size_t>(done) * per_image, static_cast<std::size_t>(b.size()) * per_image);
    const std::vector<float> packed_logits = session.run(bytes, b.size());
    const auto dense = logits.contiguous();
    const auto n = static_cast<std::size_t>(classes);
    if (dense.numel() != b.size() * classes) {
      throw ShapeError("[verify] expected logits of " + std::to_string(b.size()) + " x " + std::to_string(classes) +
                       "; got " + dense.shape().str());
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(b.size()); ++i) {
      const auto a = dense.span<float>().subspan(i * n, n);
      const auto p = std::span(packed_logits).subspan(i * n, n);
      r.same_predictions += infer::arg_max(a) == infer::arg_max(p);
    }
    done += b.size();
    if (progress) progress(done, images.count());
  }
  r.images = done;
  for (const VerifyResult::Node& n : r.nodes) {
    if (!n.codes) continue;
    r.codes += n.values;
    r.different_codes += n.different;
  }
  return r;
}

}  // namespace tern

// verify: the trained network in evaluation against the packed one, value by value.
#include <algorithm>
#include <bit>
#include <map>
#include <span>

#include "tern/convert.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

// +0 and -0 are one value: no comparison, sum or product downstream can tell them apart.
bool same(float a, float b) { return a == b || std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

// Holds what the network computed for the current batch against what the session does.
class Comparison {
 public:
  Comparison(Network& network, infer::Session& session) : network_(network), session_(session) {
    network.set_tap([this](const GraphNode& node, const Value& v) { seen_[node.name] = v; });
    session.set_tap([this](const infer::TapValue& v) { compare(v); });
  }
  Comparison(const Comparison&) = delete;
  Comparison& operator=(const Comparison&) = delete;
  // The taps refer to what ends here, also if an image is refused.
  ~Comparison() {
    network_.set_tap({});
    session_.set_tap({});
  }

  void compare_logits(std::span<const float> expected, std::span<const float> got) {
    VerifyResult::Node& row = row_of(network_.graph().output().name, false);
    row.values += static_cast<std::int64_t>(expected.size());
    for (std::size_t k = 0; k < expected.size(); ++k) row.different += !same(expected[k], got[k]);
  }

  std::vector<VerifyResult::Node> rows() && { return std::move(rows_); }

 private:
  void compare(const infer::TapValue& v) {
    if (!v.node.has("value_of") || v.node.name == session_.model().graph.output().name) return;
    const std::string name = v.node.text("value_of");
    const bool codes = v.step != 0;
    const std::size_t n = codes ? v.codes.size() : v.floats.size();
    VerifyResult::Node& row = row_of(name, codes);
    row.values += static_cast<std::int64_t>(n);
    const auto it = seen_.find(name);
    const bool alike = it != seen_.end() && it->second.is_codes() == codes && it->second.step == v.step &&
                       it->second.t.numel() == static_cast<std::int64_t>(n);
    if (!alike) {
      row.different += static_cast<std::int64_t>(n);
      return;
    }
    const Tensor dense = it->second.t.contiguous();
    const auto expected = dense.span<float>();
    for (std::size_t k = 0; k < n; ++k) {
      row.different += codes ? expected[k] != static_cast<float>(v.codes[k]) : !same(expected[k], v.floats[k]);
    }
  }

  VerifyResult::Node& row_of(const std::string& name, bool codes) {
    const auto [at, fresh] = at_.emplace(name, rows_.size());
    if (fresh) rows_.push_back({name, 0, 0, codes});
    return rows_[at->second];
  }

  Network& network_;
  infer::Session& session_;
  std::map<std::string, Value> seen_;
  std::map<std::string, std::size_t> at_;
  std::vector<VerifyResult::Node> rows_;
};

void expect_one_shape(const Network& network, const infer::Session& session, const Images& images) {
  const Shape want = session.input_shape(), has = network.input_shape(),
              given{images.channels, images.height, images.width};
  if (want != has || want != given) {
    throw ShapeError("[verify] expected one shape; the network takes " + has.str() + ", the packed file " + want.str() +
                     ", the images are " + given.str());
  }
  const std::int64_t classes = network.output_shape().numel();
  if (classes != session.classes()) {
    throw ShapeError("[verify] expected one number of classes; the network has " + std::to_string(classes) +
                     ", the packed file " + std::to_string(session.classes()));
  }
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
  expect_one_shape(network, session, images);
  const auto classes = static_cast<std::size_t>(session.classes());
  VerifyResult r;
  r.isa = name_of(session.isa());
  r.kernel = how.kernel;
  Comparison comparison(network, session);
  BatchLoader loader(images, normalizer_of(network.graph()),
                     {.batch_size = static_cast<int>(std::min(batch, images.count()))});
  for (Batch b; loader.next(b);) {
    const auto n = static_cast<std::size_t>(b.size());
    const Tensor logits = network.forward(batch_tensor(b)).contiguous();
    const std::vector<float> packed_logits = session.run(kept(select_images(images, b.indices)).pixels, b.size());
    const auto expected = logits.span<float>();
    comparison.compare_logits(expected, packed_logits);
    for (std::size_t i = 0; i < n; ++i) {
      r.same_predictions += infer::arg_max(expected.subspan(i * classes, classes)) ==
                            infer::arg_max(std::span(packed_logits).subspan(i * classes, classes));
    }
    r.images += b.size();
    if (progress) progress(r.images, images.count());
  }
  r.nodes = std::move(comparison).rows();
  for (const VerifyResult::Node& n : r.nodes) {
    if (!n.codes) continue;
    r.codes += n.values;
    r.different_codes += n.different;
  }
  return r;
}

}  // namespace tern

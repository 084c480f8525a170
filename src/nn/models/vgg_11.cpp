// VGG-11, ORNet-11 and MUXORNet-11: eleven CBH modules (conv 3x3 pad 1, batch norm, activation) and a
// dense layer; what distinguishes the three is the logic that skips two modules in each block. With F = width (64):
//   stem    CBH(F) MP2
//   block   x = CBH(n);  y = CBH(n)(CBH(n)(x));  o = y | (x OR y) | MUX(x, y);  MP2         n = F, 2F, 4F
//   head    CBH(8F), global average pool, classes
// MUX hands y through unchanged in every channel where x has more ones than zeros, and x OR y elsewhere. OR and MUX
// want activations in {0,1}. The full-precision twin (acts=none) has ReLU for each of them, and real forms of the
// gates, so that its weights can be copied into the quantized network.
#include "nn/models/builder.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

enum class GateKind { kNone, kOr, kMux };

class LogicNet {
 public:
  LogicNet(const ModelOptions& options, GateKind gate) : b_(options), gate_(gate) {
    if (gate == GateKind::kNone) return;
    if (!b_.float_acts() && !b_.bit_acts()) {
      throw ValueError("[make_model] expected activations in {0,1} (heaviside) or none for logic gates; got \"" +
                       options.acts + "\"");
    }
    if (b_.float_acts()) {
      if (b_.extra("relu", "auto") == "prelu")
        throw ValueError("[make_model] logic gates need activations >= 0, which relu=prelu does not give");
      mode_.emplace_back("real", "1");
    }
    if (b_.choice("or_grad", {"sum", "logic"}) == "logic") or_mode_.emplace_back("grad", "logic");
    or_mode_.insert(or_mode_.end(), mode_.begin(), mode_.end());
    if (gate_ == GateKind::kMux && b_.choice("tgap_stop_grad", {"0", "1"}) == "1") mode_.emplace_back("stop_grad", "1");
  }

  Graph build() {
    const std::int64_t width = b_.width(64);
    std::string x = b_.max_pool(cbh(b_.image(), width, ModelBuilder::Precision::kFirstOrLast), {});
    for (int block = 0; block < 3; ++block) {
      const std::int64_t n = width << block;
      x = cbh(x, n);
      x = b_.max_pool(gated(x, cbh(cbh(x, n), n)), {});
    }
    b_.average_and_classify(cbh(x, 8 * width));
    return b_.finish();
  }

 private:
  std::string cbh(const std::string& x, std::int64_t out,
                  ModelBuilder::Precision precision = ModelBuilder::Precision::kHidden) {
    return b_.conv_bn_act(x, {.out = out, .pad = 1, .precision = precision});
  }

  std::string gated(const std::string& x, const std::string& y) {
    if (gate_ == GateKind::kNone) return y;
    if (gate_ == GateKind::kOr) return b_.op("or", {x, y}, or_mode_);
    return b_.op("mux", {y, x, b_.op("tgap", {x}, mode_)}, or_mode_);
  }

  ModelBuilder b_;
  GateKind gate_;
  std::vector<std::pair<std::string, std::string>> mode_, or_mode_;
};

}  // namespace

Graph make_model_vgg_11(const ModelOptions& options) { return LogicNet(options, GateKind::kNone).build(); }
Graph make_model_ornet_11(const ModelOptions& options) { return LogicNet(options, GateKind::kOr).build(); }
Graph make_model_muxornet_11(const ModelOptions& options) { return LogicNet(options, GateKind::kMux).build(); }

}  // namespace tern

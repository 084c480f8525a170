// The image: x = (float(byte) / 255 - mean[c]) / std[c]. The first node, and the only one without inputs.
#include <cmath>

#include "infer/ops/node_reader.hpp"
#include "infer/ops/op.hpp"
#include "kernels/exact.hpp"

namespace tern::infer {
namespace {

class Input final : public Operation {
 public:
  Input(const NodeReader& node, ValueType& result) {
    node.expect(node.is_first(), "expected one input, as the first node");
    result.shape = Shape::parse(node.text("shape"));
    node.expect(result.shape.rank() == 3 && result.numel() > 0, "expected shape=CxHxW; got " + result.shape.str());
    node.expect(result.shape[0] <= kMaxImageChannels, "expected at most " + std::to_string(kMaxImageChannels) +
                                                          " channels; got " + std::to_string(result.shape[0]));
    const auto channels = static_cast<std::size_t>(result.shape[0]);
    mean_ = node.has("mean") ? node.numbers("mean") : std::vector<float>(channels, 0.0f);
    std_ = node.has("std") ? node.numbers("std") : std::vector<float>(channels, 1.0f);
    node.expect(mean_.size() == channels && std_.size() == channels, "expected one mean and one std a channel");
    for (std::size_t c = 0; c < channels; ++c) {
      node.expect(std::isfinite(mean_[c]) && std::isfinite(std_[c]) && std_[c] > 0,
                  "expected finite means and stds > 0");
    }
  }
  std::vector<float> byte_table() const override {
    std::vector<float> table;
    for (std::size_t c = 0; c < mean_.size(); ++c) {
      for (int byte = 0; byte < 256; ++byte)
        table.push_back(exact::normalize(static_cast<std::uint8_t>(byte), mean_[c], std_[c]));
    }
    return table;
  }
  void run(std::span<const Dense>, const Dense&, Scratch&) const override {}  // its step reads bytes by the table

 private:
  std::vector<float> mean_, std_;
};

}  // namespace

const Meaning input_op{.read = read<Input>};

}  // namespace tern::infer

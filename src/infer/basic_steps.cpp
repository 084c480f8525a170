// Steps that are one call of a dense or plane function: input, reference ops, changes of layout, pooling on planes.
#include <algorithm>
#include <array>

#include "infer/steps.hpp"
#include "kernels/kpacked/conv.hpp"

namespace tern::infer {
namespace {

namespace kpacked = kernels::kpacked;

class InputStep final : public Step {
 public:
  InputStep(const Node& node, BufferId out) : type_(node.type), table_(input_table(node)) {
    output = out;
    nodes = node.graph->name;
    kernel = "table";
    cost = type_.numel();
  }
  void run(Workspace& w, i64, i64) const override {
    const std::uint8_t* from = w.image;
    float* to = w.at<float>(output);
    for (i64 c = 0; c < type_.channels(); ++c) {
      const float* table = table_.data() + 256 * c;
      for (i64 i = 0; i < type_.pixels(); ++i) *to++ = table[*from++];
    }
  }

 private:
  ValueType type_;
  std::vector<float> table_;
};

class DenseStep final : public Step {
 public:
  DenseStep(const Node& node, std::vector<const ValueType*> types, std::vector<BufferId> inputs, BufferId out)
      : node_(node), types_(std::move(types)), inputs_(std::move(inputs)), weights_(dense_weights(node, *types_[0])) {
    output = out;
    nodes = node.graph->name;
    kernel = "reference";
    macs = node.macs();
    cost = std::max(node.type.numel(), macs);
  }
  void run(Workspace& w, i64, i64) const override {
    constexpr std::size_t kFew = 8;
    std::array<Dense, kFew> few;
    std::vector<Dense> many(inputs_.size() > kFew ? inputs_.size() : 0);
    const std::span<Dense> in = many.empty() ? std::span<Dense>(few).first(inputs_.size()) : std::span<Dense>(many);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (types_[i]->is_codes()) in[i].codes = w.at<std::int8_t>(inputs_[i]);
      else in[i].floats = w.at<float>(inputs_[i]);
    }
    Dense out;
    if (node_.type.is_codes()) out.codes = w.at<std::int8_t>(output);
    else out.floats = w.at<float>(output);
    run_dense(node_, weights_, types_, in, out, w.scratch);
  }

 private:
  const Node& node_;
  std::vector<const ValueType*> types_;
  std::vector<BufferId> inputs_;
  DenseWeights weights_;
};

class ConvertStep final : public Step {
 public:
  ConvertStep(const ValueType& type, const Buffer& from, BufferId in, const Buffer& to, BufferId out)
      : type_(type), from_(from), to_(to), in_(in) {
    output = out;
    kernel = from.layout == Layout::kPlanes ? "unpack" : to.layout == Layout::kPlanes ? "pack" : "dequantize";
    cost = type.numel();
  }
  void run(Workspace& w, i64, i64) const override {
    if (from_.layout == Layout::kPlanes && to_.layout == Layout::kF32) {
      kpacked::unpack(from_.planes, w.at<std::uint8_t>(in_), type_.step, w.at<float>(output));
    } else if (from_.layout == Layout::kPlanes) {
      kpacked::unpack(from_.planes, w.at<std::uint8_t>(in_), w.at<std::int8_t>(output));
    } else if (to_.layout == Layout::kPlanes) {
      kpacked::pack(to_.planes, w.at<std::int8_t>(in_), w.at<std::uint8_t>(output));
    } else {
      dequantize(w.at<std::int8_t>(in_), type_.numel(), type_.step, w.at<float>(output));
    }
  }

 private:
  ValueType type_;
  Buffer from_, to_;
  BufferId in_;
};

class PadStep final : public Step {
 public:
  PadStep(const Node& conv, BufferId in, BufferId out) : d_(conv.conv), value_(conv.pad_value), in_(in) {
    output = out;
    kernel = "pad";
    cost = d_.channels * d_.height * d_.width;
  }
  void run(Workspace& w, i64, i64) const override {
    const float* from = w.at<float>(in_);
    const i64 rows = d_.height + 2 * d_.pad_h, cols = d_.width + 2 * d_.pad_w;
    float* to = w.at<float>(output);
    std::fill_n(to, d_.channels * rows * cols, value_);
    for (i64 c = 0; c < d_.channels; ++c) {
      for (i64 y = 0; y < d_.height; ++y, from += d_.width) {
        std::copy_n(from, d_.width, to + (c * rows + y + d_.pad_h) * cols + d_.pad_w);
      }
    }
  }

 private:
  kernels::ConvShape d_;
  float value_;
  BufferId in_;
};

class PlanePoolStep final : public Step {
 public:
  PlanePoolStep(const Node& node, const Buffer& in, BufferId in_id, const Buffer& out, BufferId out_id)
      : shape_(node.pool), in_(in.planes), out_(out.planes), in_id_(in_id) {
    output = out_id;
    nodes = node.graph->name;
    kernel = "planes";
    cost = in_.total_bytes();
  }
  i64 units() const override { return shape_.out_height(); }
  void run(Workspace& w, i64 begin, i64 end) const override {
    kpacked::max_pool(shape_, in_, w.at<std::uint8_t>(in_id_), out_, w.at<std::uint8_t>(output), begin, end);
  }

 private:
  kernels::PoolShape shape_;
  kpacked::PlaneLayout in_, out_;
  BufferId in_id_;
};

}  // namespace

std::unique_ptr<Step> make_input_step(const Node& node, BufferId out) { return std::make_unique<InputStep>(node, out); }

std::unique_ptr<Step> make_dense_step(const Node& node, std::vector<const ValueType*> types,
                                      std::vector<BufferId> inputs, BufferId out) {
  return std::make_unique<DenseStep>(node, std::move(types), std::move(inputs), out);
}

std::unique_ptr<Step> make_convert_step(const ValueType& type, const Buffer& from, BufferId in, const Buffer& to,
                                        BufferId out) {
  return std::make_unique<ConvertStep>(type, from, in, to, out);
}

std::unique_ptr<Step> make_pad_step(const Node& conv, BufferId in, BufferId out) {
  return std::make_unique<PadStep>(conv, in, out);
}

std::unique_ptr<Step> make_max_pool_step(const Node& node, const Buffer& in, BufferId in_id, const Buffer& out,
                                         BufferId out_id) {
  return std::make_unique<PlanePoolStep>(node, in, in_id, out, out_id);
}

}  // namespace tern::infer

// Steps on dense arrays: the image by a table, plain definitions, float pooling, padding.
#include <algorithm>
#include <memory>
#include <vector>

#include "infer/steps/steps.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/float_pool.hpp"

namespace tern::infer {
namespace {

// Bytes of an image to what a table [channels][256] has for them.
template <class T>
class TableStep final : public Step {
 public:
  TableStep(const ValueType& type, std::string names, std::vector<T> table, BufferId out)
      : type_(type), table_(std::move(table)) {
    output = out;
    nodes = std::move(names);
    kernel = "table";
    work = {{WorkKind::kElement, static_cast<double>(type_.numel())}};
  }
  void run(Workspace& w, i64, i64) const override {
    const std::uint8_t* from = w.image;
    T* to = w.at<T>(output);
    const i64 channels = type_.channels(), pixels = type_.pixels();
    for (i64 c = 0; c < channels; ++c, from += pixels, to += pixels) {
      const T* table = table_.data() + 256 * c;
      for (i64 i = 0; i < pixels; ++i) to[i] = table[from[i]];
    }
  }

 private:
  ValueType type_;
  std::vector<T> table_;
};

class DenseStep final : public Step {
 public:
  DenseStep(const Node& node, std::vector<const ValueType*> types, std::vector<BufferId> inputs, BufferId out)
      : node_(node), types_(std::move(types)), inputs_(std::move(inputs)) {
    output = out;
    nodes = node.graph->name;
    kernel = "reference";
    macs = node.macs();
    layer = layer_of(node);
    work = {{WorkKind::kElement, static_cast<double>(node.type.numel())},
            {WorkKind::kReferenceMac, static_cast<double>(macs)}};
    sizes_ = node.operation->scratch(types_, node.type);
  }
  std::size_t scratch_bytes() const override { return list_bytes() + sizes_.bytes(); }
  void run(Workspace& w, i64, i64) const override {
    const std::span<Dense> in(reinterpret_cast<Dense*>(w.scratch), inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) std::construct_at(&in[i], dense(w, *types_[i], inputs_[i]));
    Scratch scratch(sizes_, w.scratch + list_bytes());
    node_.operation->run(in, dense(w, node_.type, output), scratch);
  }

 private:
  std::size_t list_bytes() const { return whole_lines(inputs_.size() * sizeof(Dense)); }
  static Dense dense(Workspace& w, const ValueType& type, BufferId id) {
    if (type.is_codes()) return {&type, nullptr, w.at<std::int8_t>(id)};
    return {&type, w.at<float>(id), nullptr};
  }

  const Node& node_;
  std::vector<const ValueType*> types_;
  std::vector<BufferId> inputs_;
  ScratchSizes sizes_;
};

class FloatPoolStep final : public Step {
 public:
  FloatPoolStep(const Node& node, BufferId in, BufferId out) : shape_(*node.operation->float_windows()), in_(in) {
    output = out;
    kernel = "rows";
    work = {{WorkKind::kFloatPool, static_cast<double>(node.type.numel() * shape_.kernel * shape_.kernel)}};
  }
  i64 units() const override { return shape_.channels; }
  void run(Workspace& w, i64 begin, i64 end) const override {
    const i64 in = shape_.height * shape_.width, out = shape_.out_height() * shape_.out_width();
    for (i64 c = begin; c < end; ++c)
      kernels::max_pool_plane(shape_, w.at<float>(in_) + c * in, w.at<float>(output) + c * out);
  }

 private:
  kernels::PoolShape shape_;
  BufferId in_;
};

class PadStep final : public Step {
 public:
  PadStep(const Multiply& conv, BufferId in, BufferId out) : d_(conv.shape), value_(conv.pad_value), in_(in) {
    output = out;
    kernel = "pad";
    work = {{WorkKind::kElement, static_cast<double>(d_.channels * d_.height * d_.width)}};
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

}  // namespace

std::unique_ptr<Step> make_input_step(const Node& node, BufferId out) {
  return std::make_unique<TableStep<float>>(node.type, node.graph->name, node.operation->byte_table(), out);
}

std::unique_ptr<Step> make_coded_input_step(const Node& node, const Node& codes, BufferId out) {
  const Thresholds& at = *codes.operation->thresholds();
  std::vector<std::int8_t> table;
  for (const float v : node.operation->byte_table())
    table.push_back(static_cast<std::int8_t>(exact::quantize(v, at.values, at.lo)));
  return std::make_unique<TableStep<std::int8_t>>(codes.type, node.graph->name + "+" + codes.graph->name,
                                                  std::move(table), out);
}

std::unique_ptr<Step> make_dense_step(const Node& node, std::vector<const ValueType*> types,
                                      std::vector<BufferId> inputs, BufferId out) {
  return std::make_unique<DenseStep>(node, std::move(types), std::move(inputs), out);
}

std::unique_ptr<Step> make_float_pool_step(const Node& node, BufferId in, BufferId out) {
  auto step = std::make_unique<FloatPoolStep>(node, in, out);
  step->nodes = node.graph->name;
  return step;
}

std::unique_ptr<Step> make_pad_step(const Node& conv, BufferId in, BufferId out) {
  auto step = std::make_unique<PadStep>(*conv.operation->multiply(), in, out);
  step->nodes = conv.graph->name;
  return step;
}

}  // namespace tern::infer

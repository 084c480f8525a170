// What lies between two layers and stays in planes, in either plane layout: max pooling, channels in a
// new order, and the gates of logic-gated networks.
#include "infer/steps.hpp"
#include "kernels/kpacked/conv.hpp"
#include "kernels/planes/channels.hpp"
#include "kernels/planes/logic.hpp"
#include "kernels/planes/pool.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
namespace planes = kernels::planes;
using u8 = std::uint8_t;

// Bit-sliced work is shared out by channels, as rows of one channel may share a byte.
class PlaneStep : public Step {
 public:
  PlaneStep(const Node& node, std::vector<PlaneInput> inputs, const Buffer& out, BufferId out_id)
      : node_(node), in_(std::move(inputs)), out_(out) {
    output = out_id;
    nodes = node.graph->name;
    kernel = sliced() ? "planes/bitsliced" : "planes/kpacked";
    work = plane_work(node, types(in_), out.layout);
  }

 protected:
  bool sliced() const { return out_.layout == Layout::kSliced; }
  static std::vector<const ValueType*> types(const std::vector<PlaneInput>& inputs) {
    std::vector<const ValueType*> out;
    for (const PlaneInput& in : inputs) out.push_back(in.type);
    return out;
  }
  bitsliced::SlicedLayout view(Workspace& w, const Buffer& b) const { return b.sliced.image(w.index); }
  const u8* in(Workspace& w, std::size_t i) const { return w.at<u8>(in_[i].id); }

  const Node& node_;
  std::vector<PlaneInput> in_;
  Buffer out_;
};

class PoolStep final : public PlaneStep {
 public:
  using PlaneStep::PlaneStep;
  i64 units() const override { return sliced() ? node_.type.channels() : node_.type.height(); }
  void run(Workspace& w, i64 begin, i64 end) const override {
    if (sliced())
      planes::max_pool(node_.pool, view(w, in_[0].buffer), in(w, 0), view(w, out_), w.at<u8>(output), begin, end);
    else
      kernels::kpacked::max_pool(node_.pool, in_[0].buffer.kpacked, in(w, 0), out_.kpacked, w.at<u8>(output), begin,
                                 end);
  }
};

class GateStep final : public PlaneStep {
 public:
  using PlaneStep::PlaneStep;
  i64 units() const override { return sliced() ? node_.type.channels() : node_.type.height(); }
  void run(Workspace& w, i64 begin, i64 end) const override {
    const std::size_t t = in_.size() > 2 ? 2 : 0;
    const u8* select = in_.size() > 2 ? in(w, 2) : nullptr;
    const Buffer &y = in_[0].buffer, &x = in_[1].buffer, &s = in_[t].buffer;
    if (sliced()) {
      planes::SlicedGate{view(w, y), view(w, x), view(w, s), view(w, out_)}.run(in(w, 0), in(w, 1), select,
                                                                                w.at<u8>(output), begin, end);
    } else {
      planes::KpackedGate{y.kpacked, x.kpacked, s.kpacked, out_.kpacked}.run(in(w, 0), in(w, 1), select,
                                                                             w.at<u8>(output), begin, end);
    }
  }
};

class TgapStep final : public PlaneStep {
 public:
  using PlaneStep::PlaneStep;
  i64 units() const override { return sliced() ? node_.type.channels() : (node_.type.channels() + 7) / 8; }
  void run(Workspace& w, i64 begin, i64 end) const override {
    if (sliced())
      planes::tgap(view(w, in_[0].buffer), in(w, 0), view(w, out_), w.at<u8>(output), begin, end);
    else
      planes::tgap(in_[0].buffer.kpacked, in(w, 0), out_.kpacked, w.at<u8>(output), begin, end);
  }
};

// Concatenation and channel shuffle.
std::vector<planes::ChannelSource> channel_order(const Node& node, std::span<const ValueType* const> inputs) {
  std::vector<planes::ChannelSource> order;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    for (i64 c = 0; c < inputs[k]->channels(); ++c)
      order.push_back({k, node.op == Op::kShuffle ? node.shuffled(c) : c});
  }
  return order;
}

class ChannelStep final : public PlaneStep {
 public:
  ChannelStep(const Node& node, std::vector<PlaneInput> inputs, const Buffer& out, BufferId out_id)
      : PlaneStep(node, std::move(inputs), out, out_id), order_(channel_order(node, types(in_))), bytes_(order_) {
    for (const PlaneInput& in : in_) layouts_.push_back(in.buffer.kpacked);
  }
  i64 units() const override { return sliced() ? node_.type.channels() : node_.type.height(); }
  void run(Workspace& w, i64 begin, i64 end) const override {
    if (sliced()) {
      for (i64 c = begin; c < end; ++c) {
        const auto& [from, channel] = order_[static_cast<std::size_t>(c)];
        planes::copy_channel(view(w, in_[from].buffer), in(w, from), channel, view(w, out_), w.at<u8>(output), c);
      }
      return;
    }
    std::vector<const u8*> x;
    for (std::size_t i = 0; i < in_.size(); ++i) x.push_back(in(w, i));
    bytes_.run(layouts_, x, out_.kpacked, w.at<u8>(output), begin, end);
  }

 private:
  std::vector<planes::ChannelSource> order_;
  planes::KpackedChannels bytes_;
  std::vector<kernels::kpacked::PlaneLayout> layouts_;
};

}  // namespace

bool runs_on_planes(Op op) {
  return op == Op::kMaxPool || op == Op::kConcat || op == Op::kShuffle || op == Op::kOr || op == Op::kMux ||
         op == Op::kTgap;
}

WorkList plane_work(const Node& node, std::span<const ValueType* const> inputs, Layout layout) {
  const bool sliced = layout == Layout::kSliced;
  switch (node.op) {
    case Op::kMaxPool:
      return sliced ? sliced_pool_work(node.type, node.pool) : kpacked_pool_work(*inputs[0], node.type, node.pool);
    case Op::kConcat:
    case Op::kShuffle:
      return sliced ? sliced_channel_work(node.type)
                    : kpacked_channel_work(node.type, planes::KpackedChannels(channel_order(node, inputs)).pieces());
    default:
      return sliced ? sliced_gate_work(*inputs[0]) : kpacked_gate_work(*inputs[0]);
  }
}

std::unique_ptr<Step> make_plane_step(const Node& node, std::vector<PlaneInput> inputs, const Buffer& out,
                                      BufferId out_id) {
  switch (node.op) {
    case Op::kMaxPool:
      return std::make_unique<PoolStep>(node, std::move(inputs), out, out_id);
    case Op::kConcat:
    case Op::kShuffle:
      return std::make_unique<ChannelStep>(node, std::move(inputs), out, out_id);
    case Op::kTgap:
      return std::make_unique<TgapStep>(node, std::move(inputs), out, out_id);
    default:
      return std::make_unique<GateStep>(node, std::move(inputs), out, out_id);
  }
}

}  // namespace tern::infer

// What lies between two layers and stays in planes, in either plane layout: max pooling and the gates of logic-gated networks.
#include "infer/steps.hpp"
#include "kernels/kpacked/conv.hpp"
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
    work = plane_work(node, *in_[0].type, out.layout);
  }

 protected:
  bool sliced() const { return out_.layout == Layout::kSliced; }
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
    if (sliced()) planes::max_pool(node_.pool, view(w, in_[0].buffer), in(w, 0), view(w, out_), w.at<u8>(output), begin, end);
    else kernels::kpacked::max_pool(node_.pool, in_[0].buffer.kpacked, in(w, 0), out_.kpacked, w.at<u8>(output), begin, end);
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
      planes::SlicedGate{view(w, y), view(w, x), view(w, s), view(w, out_)}.run(in(w, 0), in(w, 1), select, w.at<u8>(output), begin, end);
    } else {
      planes::KpackedGate{y.kpacked, x.kpacked, s.kpacked, out_.kpacked}.run(in(w, 0), in(w, 1), select, w.at<u8>(output), begin, end);
    }
  }
};

class TgapStep final : public PlaneStep {
 public:
  using PlaneStep::PlaneStep;
  i64 units() const override { return sliced() ? node_.type.channels() : (node_.type.channels() + 7) / 8; }
  void run(Workspace& w, i64 begin, i64 end) const override {
    if (sliced()) planes::tgap(view(w, in_[0].buffer), in(w, 0), view(w, out_), w.at<u8>(output), begin, end);
    else planes::tgap(in_[0].buffer.kpacked, in(w, 0), out_.kpacked, w.at<u8>(output), begin, end);
  }
};

}  // namespace

bool runs_on_planes(Op op) { return op == Op::kMaxPool || op == Op::kOr || op == Op::kMux || op == Op::kTgap; }

WorkList plane_work(const Node& node, const ValueType& in, Layout layout) {
  const bool sliced = layout == Layout::kSliced;
  if (node.op == Op::kMaxPool) return sliced ? sliced_pool_work(node.type, node.pool) : kpacked_pool_work(in, node.type, node.pool);
  return sliced ? sliced_gate_work(in) : kpacked_gate_work(in);
}

std::unique_ptr<Step> make_plane_step(const Node& node, std::vector<PlaneInput> inputs, const Buffer& out, BufferId out_id) {
  switch (node.op) {
    case Op::kMaxPool: return std::make_unique<PoolStep>(node, std::move(inputs), out, out_id);
    case Op::kTgap: return std::make_unique<TgapStep>(node, std::move(inputs), out, out_id);
    default: return std::make_unique<GateStep>(node, std::move(inputs), out, out_id);
  }
}

}  // namespace tern::infer

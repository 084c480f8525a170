// What lies between two layers and stays in planes, in either plane layout: a step for each PlaneForm.
#include "infer/steps/steps.hpp"
#include "kernels/packed/kpacked/conv.hpp"
#include "kernels/packed/planes/channels.hpp"
#include "kernels/packed/planes/logic.hpp"
#include "kernels/packed/planes/pool.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
namespace planes = kernels::planes;
using u8 = std::uint8_t;

struct Parts {
  const Node& node;
  std::vector<PlaneInput> inputs;
  const Buffer& out;
  BufferId id;
};

// Bit-sliced work is shared out by channels, as rows of one channel may share a byte.
class PlaneStep : public Step {
 public:
  explicit PlaneStep(Parts parts) : type_(parts.node.type), in_(std::move(parts.inputs)), out_(parts.out) {
    output = parts.id;
    nodes = parts.node.graph->name;
    kernel = sliced() ? "planes/bitsliced" : "planes/kpacked";
    work = plane_work(parts.node, *in_[0].type, out_.layout);
  }
  i64 units() const override { return sliced() ? type_.channels() : type_.height(); }

 protected:
  bool sliced() const { return out_.layout == Layout::kSliced; }
  bitsliced::SlicedLayout view(Workspace& w, const Buffer& b) const { return b.sliced.image(w.index); }
  const u8* in(Workspace& w, std::size_t i) const { return w.at<u8>(in_[i].id); }

  ValueType type_;
  std::vector<PlaneInput> in_;
  Buffer out_;
};

class PoolStep final : public PlaneStep {
 public:
  PoolStep(const PlanePool& form, Parts parts) : PlaneStep(std::move(parts)), shape_(form.shape) {}
  void run(Workspace& w, i64 begin, i64 end) const override {
    if (sliced())
      planes::max_pool(shape_, view(w, in_[0].buffer), in(w, 0), view(w, out_), w.at<u8>(output), begin, end);
    else
      kernels::kpacked::max_pool(shape_, in_[0].buffer.kpacked, in(w, 0), out_.kpacked, w.at<u8>(output), begin, end);
  }

 private:
  kernels::PoolShape shape_;
};

class ChannelStep final : public PlaneStep {
 public:
  ChannelStep(const PlaneChannels& form, Parts parts)
      : PlaneStep(std::move(parts)), order_(form.order), bytes_(order_) {
    for (const PlaneInput& in : in_) layouts_.push_back(in.buffer.kpacked);
  }
  std::size_t scratch_bytes() const override { return in_.size() * sizeof(const u8*); }
  void run(Workspace& w, i64 begin, i64 end) const override {
    if (sliced()) {
      for (i64 c = begin; c < end; ++c) {
        const auto& [from, channel] = order_[static_cast<std::size_t>(c)];
        planes::copy_channel(view(w, in_[from].buffer), in(w, from), channel, view(w, out_), w.at<u8>(output), c);
      }
      return;
    }
    const std::span<const u8*> x(reinterpret_cast<const u8**>(w.scratch), in_.size());
    for (std::size_t i = 0; i < in_.size(); ++i) std::construct_at(&x[i], in(w, i));
    bytes_.run(layouts_, x, out_.kpacked, w.at<u8>(output), begin, end);
  }

 private:
  std::vector<planes::ChannelSource> order_;
  planes::KpackedChannels bytes_;
  std::vector<kernels::kpacked::PlaneLayout> layouts_;
};

class GateStep final : public PlaneStep {
 public:
  using PlaneStep::PlaneStep;
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

class MajorityStep final : public PlaneStep {
 public:
  using PlaneStep::PlaneStep;
  i64 units() const override { return sliced() ? type_.channels() : (type_.channels() + 7) / 8; }
  void run(Workspace& w, i64 begin, i64 end) const override {
    if (sliced())
      planes::tgap(view(w, in_[0].buffer), in(w, 0), view(w, out_), w.at<u8>(output), begin, end);
    else
      planes::tgap(in_[0].buffer.kpacked, in(w, 0), out_.kpacked, w.at<u8>(output), begin, end);
  }
};

using StepPtr = std::unique_ptr<Step>;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

WorkList plane_work(const Node& node, const ValueType& input, Layout layout) {
  const bool sliced = layout == Layout::kSliced;
  const auto gate = [&] { return sliced ? sliced_gate_work(input) : kpacked_gate_work(input); };
  return std::visit(
      Overloaded{[](std::monostate) { return WorkList(); },
                 [&](const PlanePool& f) {
                   return sliced ? sliced_pool_work(node.type, f.shape) : kpacked_pool_work(input, node.type, f.shape);
                 },
                 [&](const PlaneChannels& f) {
                   return sliced ? sliced_channel_work(node.type)
                                 : kpacked_channel_work(node.type, planes::KpackedChannels(f.order).pieces());
                 },
                 [&](PlaneGate) { return gate(); }, [&](PlaneMajority) { return gate(); }},
      node.operation->planes());
}

StepPtr make_plane_step(const Node& node, std::vector<PlaneInput> inputs, const Buffer& out, BufferId out_id) {
  Parts parts{node, std::move(inputs), out, out_id};
  return std::visit(
      Overloaded{[](std::monostate) -> StepPtr { return nullptr; },
                 [&](const PlanePool& f) -> StepPtr { return std::make_unique<PoolStep>(f, std::move(parts)); },
                 [&](const PlaneChannels& f) -> StepPtr { return std::make_unique<ChannelStep>(f, std::move(parts)); },
                 [&](PlaneGate) -> StepPtr { return std::make_unique<GateStep>(std::move(parts)); },
                 [&](PlaneMajority) -> StepPtr { return std::make_unique<MajorityStep>(std::move(parts)); }},
      node.operation->planes());
}

}  // namespace tern::infer

// What a unit of each kind of work takes on this machine: small problems timed, the best of a few runs each, and solved
// for one unknown after the other.
#include "infer/measure_rates.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>

#include "core/aligned.hpp"
#include "kernels/packed/bitsliced/micro.hpp"
#include "kernels/packed/float_pool.hpp"
#include "kernels/packed/kpacked/conv.hpp"
#include "kernels/packed/planes/channels.hpp"
#include "kernels/packed/planes/logic.hpp"
#include "kernels/packed/planes/pool.hpp"
#include "kernels/packed/planes/turn.hpp"
#include "tern/infer.hpp"
#include "tern/layer_bench.hpp"
#include "tern/rng.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
namespace kpacked = kernels::kpacked;
namespace planes = kernels::planes;

constexpr double kLeast = 1e-4;   // ns: noise must not make anything free
constexpr double kEnough = 5e-3;  // seconds a problem

double best_ns(const std::function<void()>& run) {
  using Clock = std::chrono::steady_clock;
  double best = 1e18;
  const auto start = Clock::now();
  for (int i = 0; i < 3 || std::chrono::duration<double>(Clock::now() - start).count() < kEnough; ++i) {
    const auto begin = Clock::now();
    run();
    best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
  }
  return best;
}

class Measurement {
 public:
  explicit Measurement(Isa isa) : isa_(isa), rates_(built_in_rates(isa)) {}

  Rates run() {
    kpacked_convs();
    sliced_convs();
    between();
    floats();
    return rates_;
  }

 private:
  // The time that the kinds other than `kind` do not explain, for each unit of it.
  void solve(WorkKind kind, const WorkList& work, double ns) {
    double amount = 0;
    for (const Work& w : work) {
      if (w.kind == kind)
        amount += w.amount;
      else
        ns -= w.amount * rates_[w.kind];
    }
    rates_[kind] = std::max(kLeast, ns / amount);
  }

  double conv_ns(const LayerProblem& p, const char* family) {
    for (const Contender& c : layer_contenders(p, isa_)) {
      if (c.kernel.starts_with(family)) return best_ns(c.run);
    }
    return 0;
  }
  static kernels::ConvShape shape_of(const LayerProblem& p) {
    kernels::ConvShape d;
    d.channels = p.channels;
    d.outputs = p.outputs;
    d.height = d.width = p.size;
    d.kernel_h = d.kernel_w = p.kernel;
    d.stride_h = d.stride_w = p.stride;
    d.pad_h = d.pad_w = p.pad;
    return d;
  }
  // As many nonzero weights as the problem expects, and as scattered.
  static std::vector<std::int8_t> weights_of(const LayerProblem& p) {
    Rng rng(1);
    std::vector<std::int8_t> w(static_cast<std::size_t>(p.outputs * p.channels * p.kernel * p.kernel), 0);
    for (std::int8_t& v : w) v = rng.uniform() < p.nonzero ? 1 : 0;
    return w;
  }

  // Few words a pixel against many.
  void kpacked_convs() {
    const LayerProblem point{.channels = 64, .outputs = 64, .size = 14, .kernel = 1, .pad = 0};
    const LayerProblem wide{.channels = 64, .outputs = 64, .size = 14};
    const auto work = [](const LayerProblem& p) { return kpacked_conv_work(shape_of(p), weights_of(p), {p.lo, p.hi}); };
    const double point_ns = conv_ns(point, "kpacked"), wide_ns = conv_ns(wide, "kpacked");
    rates_[WorkKind::kKpackedPixel] = 0;
    const double pixels = work(point)[1].amount;
    rates_[WorkKind::kKpackedWord] =
        std::max(kLeast, (wide_ns - point_ns) / (work(wide)[0].amount - work(point)[0].amount));
    rates_[WorkKind::kKpackedPixel] =
        std::max(kLeast, (point_ns - work(point)[0].amount * rates_[WorkKind::kKpackedWord]) / pixels);
  }

  // Many weights against few; many outputs against few; a stride.
  void sliced_convs() {
    const LayerProblem full{.size = 28}, sparse{.size = 28, .nonzero = 0.1},
        narrow{.outputs = 8, .size = 28, .nonzero = 0.1},
        strided{.outputs = 8, .size = 28, .stride = 2, .nonzero = 0.1};
    const auto work = [&](const LayerProblem& p) {
      const bool moved = p.stride > 1;
      const bitsliced::SlicedLayout out{
          {p.lo, p.hi}, p.outputs, p.out_size(), p.out_size(), p.out_size() + (moved ? 2 : 1)};
      return sliced_conv_work(shape_of(p), weights_of(p), {p.lo, p.hi}, out, moved, isa_);
    };
    const double full_ns = conv_ns(full, "bitsliced"), sparse_ns = conv_ns(sparse, "bitsliced"),
                 narrow_ns = conv_ns(narrow, "bitsliced");
    rates_[WorkKind::kSlicedAdder] =
        std::max(kLeast, (full_ns - sparse_ns) / (work(full)[0].amount - work(sparse)[0].amount));
    const auto rest = [&](const LayerProblem& p, double ns) {
      return ns - work(p)[0].amount * rates_[WorkKind::kSlicedAdder];
    };
    rates_[WorkKind::kSlicedOutput] = std::max(kLeast, (rest(sparse, sparse_ns) - rest(narrow, narrow_ns)) /
                                                           (work(sparse)[1].amount - work(narrow)[1].amount));
    solve(WorkKind::kSlicedPanel, work(narrow), narrow_ns);
    solve(WorkKind::kSlicedMove, work(strided), conv_ns(strided, "bitsliced"));
  }

  // Conversions, pooling and gates on a ternary (binary) image of 64 channels.
  void between() {
    const ValueType type{Shape{64, 28, 28}, 1.0f, -1, 1}, bits{Shape{64, 28, 28}, 1.0f, 0, 1};
    const kpacked::PlaneLayout k{{-1, 1}, 64, 28, 28, 1, 1};
    const bitsliced::SlicedLayout s{{-1, 1}, 64, 28, 28, 29, 64};
    AlignedVector<std::uint8_t> kx(static_cast<std::size_t>(k.total_bytes())), ky(kx),
        sx(static_cast<std::size_t>(s.total_bytes())), sy(sx);
    std::vector<std::int8_t> codes(static_cast<std::size_t>(type.numel()), 1);
    const auto n = static_cast<double>(type.numel());
    solve(WorkKind::kKpackedPack, {{WorkKind::kKpackedPack, n}},
          best_ns([&] { kpacked::pack(k, codes.data(), kx.data()); }));
    solve(WorkKind::kSlicedPack, {{WorkKind::kSlicedPack, n}},
          best_ns([&] { bitsliced::pack(s, codes.data(), sx.data()); }));
    solve(WorkKind::kKpackedUnpack, {{WorkKind::kKpackedUnpack, n}},
          best_ns([&] { kpacked::unpack(k, kx.data(), codes.data()); }));
    solve(WorkKind::kSlicedUnpack, {{WorkKind::kSlicedUnpack, n}},
          best_ns([&] { bitsliced::unpack(s, sx.data(), codes.data()); }));
    const double there = best_ns([&] { planes::turn(k, kx.data(), s, sy.data(), 0, 8); });
    const double back = best_ns([&] { planes::turn(s, sx.data(), k, ky.data(), 0, 8); });
    solve(WorkKind::kTurn, turn_work(type), std::max(there, back));

    const kernels::PoolShape pool{64, 28, 28};
    const ValueType pooled{Shape{64, 14, 14}, 1.0f, -1, 1};
    const kpacked::PlaneLayout ko{{-1, 1}, 64, 14, 14, 1, 1};
    const bitsliced::SlicedLayout so{{-1, 1}, 64, 14, 14, 15, 64};
    solve(WorkKind::kKpackedPool, kpacked_pool_work(type, pooled, pool),
          best_ns([&] { kpacked::max_pool(pool, k, kx.data(), ko, ky.data(), 0, 14); }));
    solve(WorkKind::kSlicedPool, sliced_pool_work(pooled, pool),
          best_ns([&] { planes::max_pool(pool, s, sx.data(), so, sy.data(), 0, 64); }));

    const kpacked::PlaneLayout kb{{0, 1}, 64, 28, 28, 1, 1};
    const bitsliced::SlicedLayout sb{{0, 1}, 64, 28, 28, 29, 64};
    solve(WorkKind::kKpackedGate, kpacked_gate_work(bits), best_ns([&] {
            planes::KpackedGate{kb, kb, kb, kb}.run(kx.data(), kx.data(), nullptr, ky.data(), 0, 28);
          }));
    solve(WorkKind::kSlicedGate, sliced_gate_work(bits), best_ns([&] {
            planes::SlicedGate{sb, sb, sb, sb}.run(sx.data(), sx.data(), nullptr, sy.data(), 0, 64);
          }));

    std::vector<planes::ChannelSource> order;
    for (i64 c = 0; c < 64; ++c) order.push_back({0, (c + 4) % 64});
    const planes::KpackedChannels turned(order);
    const std::array<const std::uint8_t*, 1> from = {kx.data()};
    solve(WorkKind::kKpackedPiece, kpacked_channel_work(type, turned.pieces()), best_ns([&] {
            turned.run({&k, 1}, from, k, ky.data(), 0, 28);
          }));
  }

  // Steps on floats, by running a small network.
  void floats() {
    packed::Model m;
    m.graph = Graph::parse(
        "tern-graph 1\nx = input() shape=8x24x24\nc = conv2d(x) out=32 kernel=3 weights=f32\n"
        "a = add(c, c)\nr = relu(a)\nb = add(c, r)\nq = quantize(b) lo=-1 hi=1 step=1\n"
        "d = conv2d(q) out=32 kernel=3 weights=codes\ns = relu(d)\n");
    m.blobs["c.weight"] = packed::Blob::of_floats({32, 8, 3, 3}, std::vector<float>(32 * 8 * 9, 0.5f));
    m.blobs["q.thresholds"] = packed::Blob::of_floats({2}, std::vector<float>{-0.5f, 0.5f});
    m.blobs["d.weight"] = packed::Blob::of_codes({32, 32, 3, 3}, weights_of({.channels = 32, .outputs = 32}));
    const std::vector<std::uint8_t> image(8 * 24 * 24, 1);
    const auto time = [&](const char* kernel, const std::string& nodes) {
      Session session(m, {.isa = isa_, .threads = 1, .kernel = kernel});
      const std::vector<StepInfo> plan = session.plan();
      const std::vector<StepTime> times = session.profile(image, 5);
      for (std::size_t i = 0; i < plan.size(); ++i) {
        if (plan[i].nodes == nodes) return times[i].best_seconds * 1e9;
      }
      return 0.0;
    };
    const double values = 32 * 22 * 22, macs = values * 72;
    solve(WorkKind::kElement, {{WorkKind::kElement, values}}, time("reference", "r"));
    solve(WorkKind::kReferenceMac, {{WorkKind::kReferenceMac, macs}, {WorkKind::kElement, values}},
          time("reference", "c"));
    if (isa_ == Isa::kReference) return;
    const kernels::PoolShape pool{1, 56, 56, 3, 2, 1};
    const std::vector<float> plane(56 * 56, 0.5f);
    std::vector<float> pooled(28 * 28);
    solve(WorkKind::kFloatPool, {{WorkKind::kFloatPool, 28 * 28 * 9}},
          best_ns([&] { kernels::max_pool_plane(pool, plane.data(), pooled.data()); }));
    const ValueType codes{Shape{32, 22, 22}, 1.0f, -1, 1};
    solve(WorkKind::kRowFloat, {{WorkKind::kRowFloat, 5 * values}}, time("kpacked", "a+r"));
    solve(WorkKind::kFloat, {{WorkKind::kFloat, 4 * values}}, time("kpacked", "b+q"));
    solve(WorkKind::kOrderedMac, {{WorkKind::kOrderedMac, macs}, {WorkKind::kFloat, 2 * values}}, time("kpacked", "c"));
    solve(WorkKind::kRowPack, {{WorkKind::kRowFloat, 4 * values}, row_pack_work(codes).front()},
          time("bitsliced", "b+q"));
    const double sums = 32 * 20 * 20;
    solve(WorkKind::kSlicedSum, {{WorkKind::kSlicedSum, sums}, {WorkKind::kRowFloat, 3 * sums}},
          time("bitsliced", "d+s"));
  }

  Isa isa_;
  Rates rates_;
};

}  // namespace

const Rates& measure_rates(Isa isa) {
  static std::mutex mutex;
  static std::map<Isa, Rates> measured;
  const std::lock_guard lock(mutex);
  const auto it = measured.find(isa);
  return it != measured.end() ? it->second : measured.emplace(isa, Measurement(isa).run()).first->second;
}

}  // namespace tern::infer

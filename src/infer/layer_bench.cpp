// Times the kernel families on one layer.
#include "tern/layer_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>

#include "kernels/packed/bitsliced/conv.hpp"
#include "kernels/packed/codec/conv.hpp"
#include "kernels/packed/kpacked/conv.hpp"
#include "tern/error.hpp"
#include "tern/rng.hpp"

namespace tern::infer {

using i64 = std::int64_t;

namespace {

namespace bitsliced = kernels::bitsliced;
namespace codec = kernels::codec;
namespace kpacked = kernels::kpacked;
using kernels::ConvShape;

struct Data {
  ConvShape shape;
  std::vector<std::int8_t> x, w, flip;
  std::vector<std::int32_t> thresholds;
};

Data make_data(const LayerProblem& p) {
  Data d;
  d.shape.channels = p.channels;
  d.shape.outputs = p.outputs;
  d.shape.height = d.shape.width = p.size;
  d.shape.kernel_h = d.shape.kernel_w = p.kernel;
  d.shape.stride_h = d.shape.stride_w = p.stride;
  d.shape.pad_h = d.shape.pad_w = p.pad;
  d.shape.dilation_h = d.shape.dilation_w = p.dilation;
  Rng rng(1);
  const auto draw = [&](int lo, int hi) {
    return lo + static_cast<int>(rng.below(static_cast<std::uint64_t>(hi - lo + 1)));
  };
  d.x.resize(static_cast<std::size_t>(p.channels * p.size * p.size));
  for (auto& v : d.x) v = static_cast<std::int8_t>(draw(p.lo, p.hi));
  d.w.resize(static_cast<std::size_t>(p.outputs * d.shape.k()));
  for (auto& v : d.w) {
    if (rng.uniform() < p.nonzero) v = static_cast<std::int8_t>(draw(1, p.max_weight) * (rng.below(2) ? 1 : -1));
  }
  d.flip.assign(static_cast<std::size_t>(p.outputs), 0);
  const double spread = 0.4 * std::sqrt(static_cast<double>(d.shape.k())) * p.max_weight;
  for (i64 o = 0; o < p.outputs; ++o) {
    for (int j = p.lo; j < p.hi; ++j) {
      d.thresholds.push_back(static_cast<std::int32_t>((j - p.lo + 0.5 - (p.hi - p.lo) / 2.0) * spread));
    }
  }
  return d;
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double time_us(const std::function<void()>& f) {
  const double start = seconds();
  f();
  return (seconds() - start) * 1e6;
}
// Full adders a microsecond when nothing else is to do: the best of a few short runs.
double adders_per_us(const bitsliced::Micro& micro) {
  constexpr i64 kRounds = 20'000;
  double best = 0;
  volatile std::uint64_t sink = 0;
  for (int i = 0; i < 25; ++i) best = std::max(best, 8 * kRounds / time_us([&] { sink = micro.only_add(kRounds); }));
  return best;
}

Contender make_kpacked(const LayerProblem& p, const std::shared_ptr<const Data>& data, Isa isa) {
  struct State {
    kpacked::PlaneLayout in, out;
    kpacked::Conv conv;
    kpacked::Thresholds thresholds;
    AlignedVector<std::uint8_t> x, y;
    std::vector<std::int32_t> at;
  };
  const Data& d = *data;
  const ConvShape& s = d.shape;
  const kpacked::PlaneLayout in{{p.lo, p.hi}, s.channels, s.height, s.width, s.pad_h, s.pad_w};
  const kpacked::PlaneLayout out{{p.lo, p.hi}, s.outputs, s.out_height(), s.out_width(), s.pad_h, s.pad_w};
  auto state = std::make_shared<State>(State{in, out, kpacked::Conv(s, in, d.w.data()),
                                             kpacked::Thresholds(s.outputs, p.hi - p.lo, d.thresholds.data(), nullptr),
                                             AlignedVector<std::uint8_t>(static_cast<std::size_t>(in.total_bytes())),
                                             AlignedVector<std::uint8_t>(static_cast<std::size_t>(out.total_bytes())),
                                             kpacked::pixel_bytes(out)});
  kpacked::clear(in, state->x.data());
  kpacked::clear(out, state->y.data());
  const kpacked::Micro& micro = kpacked::micro_for(isa);
  return {"kpacked/" + std::string(micro.name),
          [state, data] { kpacked::pack(state->in, data->x.data(), state->x.data()); },
          [state, &micro] {
            const i64 pixels = state->out.height * state->out.width;
            for (i64 b = 0; b < state->conv.blocks(); ++b) {
              state->conv.run(micro, state->x.data(), b, 0, pixels, state->thresholds, state->out, state->y.data(),
                              state->at.data());
            }
          }};
}

Contender make_bitsliced(const LayerProblem& p, const std::shared_ptr<const Data>& data, Isa isa) {
  struct State {
    bitsliced::SlicedLayout in, out;
    std::unique_ptr<bitsliced::Conv> conv;
    AlignedVector<std::uint8_t> x, y, prepared, panel;
  };
  const Data& d = *data;
  const ConvShape& s = d.shape;
  auto state = std::make_shared<State>();
  state->in = {{p.lo, p.hi}, s.channels, s.height, s.width, s.width + s.pad_w, 0};
  const i64 pitch = std::max(bitsliced::Conv::output_pitch(s, state->in.pitch), s.out_width() + s.pad_w);
  state->in.margin_bits = bitsliced::Conv::margin_bits(s, std::max(pitch, state->in.pitch));
  state->out = {{p.lo, p.hi}, s.outputs, s.out_height(), s.out_width(), pitch, state->in.margin_bits};
  const bitsliced::Micro& micro = bitsliced::micro_for(isa);
  state->conv = std::make_unique<bitsliced::Conv>(
      bitsliced::Conv::Spec{s, state->in, state->out, d.w.data(), d.thresholds.data(), nullptr}, micro);
  state->x.resize(static_cast<std::size_t>(state->in.total_bytes()));
  state->y.resize(static_cast<std::size_t>(state->out.total_bytes()));
  state->prepared.resize(static_cast<std::size_t>(state->conv->prepared_bytes()));
  state->panel.resize(static_cast<std::size_t>(state->conv->panel_bytes()));
  bitsliced::clear(state->in, state->x.data());
  bitsliced::clear(state->out, state->y.data());
  state->conv->init_prepared(state->prepared.data());
  state->conv->init_panel(state->panel.data());
  return {"bitsliced/" + std::string(micro.name),
          [state, data] { bitsliced::pack(state->in, data->x.data(), state->x.data()); },
          [state] {
            state->conv->prepare(state->x.data(), state->prepared.data());
            const std::uint8_t* from = state->prepared.empty() ? state->x.data() : state->prepared.data();
            for (i64 t = 0; t < state->conv->tiles(); ++t)
              state->conv->run(from, state->panel.data(), t, state->y.data());
          },
          static_cast<double>(state->conv->adders() * state->conv->tiles()) / adders_per_us(state->conv->micro())};
}

Contender make_codec(const std::shared_ptr<const Data>& data, codec::Conv::Keep keep, Isa isa) {
  struct State {
    codec::ImageLayout in;
    codec::Conv conv;
    std::vector<codec::Word> x, y;
  };
  const Data& d = *data;
  const ConvShape& s = d.shape;
  const codec::ImageLayout in{s.channels, s.height, s.width, s.pad_h, s.pad_w},
      out{s.outputs, s.out_height(), s.out_width(), s.pad_h, s.pad_w};
  auto state = std::make_shared<State>(State{in, codec::Conv(s, in, out, d.w, d.thresholds, keep),
                                             std::vector<codec::Word>(static_cast<std::size_t>(in.total_words())),
                                             std::vector<codec::Word>(static_cast<std::size_t>(out.total_words()))});
  codec::pack(out, std::vector<std::int8_t>(static_cast<std::size_t>(s.outputs * s.out_height() * s.out_width())),
              state->y);
  const kpacked::Micro& micro = kpacked::micro_for(isa);
  return {std::string(keep == codec::Conv::Keep::kDerive ? "codec-D/" : "codec-P/") + micro.name,
          [state, data] { codec::pack(state->in, data->x, state->x); },
          [state, &micro] { state->conv.run(micro, state->x, state->y); }};
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

void check(const LayerProblem& p, Isa isa) {
  const auto in = [](i64 v, i64 lo, i64 hi) { return v >= lo && v <= hi; };
  if (!in(p.channels, 1, 65536) || !in(p.outputs, 1, 65536) || !in(p.size, 1, 8192) || !in(p.kernel, 1, 64) ||
      !in(p.stride, 1, 64) || !in(p.pad, 0, 64) || !in(p.dilation, 1, 64) ||
      p.size + 2 * p.pad < p.dilation * (p.kernel - 1) + 1 || p.lo > 0 || p.hi < 1 || !in(p.hi - p.lo, 1, 15) ||
      !in(p.max_weight, 1, 7) || !(p.nonzero >= 0 && p.nonzero <= 1) || p.channels * p.size * p.size > (i64{1} << 28) ||
      p.channels * p.outputs * p.kernel * p.kernel > (i64{1} << 28)) {
    throw ValueError("[layer_contenders] the problem is out of range");
  }
  if (!is_available(isa)) (void)isa_from_name(name_of(isa));  // throws
}

}  // namespace

std::vector<Contender> layer_contenders(const LayerProblem& problem, Isa isa) {
  check(problem, isa);
  const auto data = std::make_shared<const Data>(make_data(problem));
  std::vector<Contender> out;
  const kpacked::PlaneCode code{problem.lo, problem.hi};
  if (kpacked::Conv::supports(data->shape, code)) out.push_back(make_kpacked(problem, data, isa));
  if (bitsliced::Conv::supports(data->shape, data->w, code, code)) out.push_back(make_bitsliced(problem, data, isa));
  return out;
}

std::vector<Contender> codec_contenders(const LayerProblem& problem, Isa isa) {
  check(problem, isa);
  const auto data = std::make_shared<const Data>(make_data(problem));
  if (problem.lo != -1 || problem.hi != 1 || problem.max_weight != 1 || !codec::Conv::supports(data->shape)) return {};
  return {make_codec(data, codec::Conv::Keep::kDerive, isa), make_codec(data, codec::Conv::Keep::kPreload, isa)};
}

std::vector<LayerTiming> race(const std::vector<Contender>& contenders, int rounds, double min_seconds) {
  if (rounds < 1) throw ValueError("[race] expected rounds >= 1; got " + std::to_string(rounds));
  std::vector<std::vector<double>> pack_us(contenders.size()), run_us(contenders.size());
  const auto turn = [&](bool count) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const double pack = contenders[i].pack ? time_us(contenders[i].pack) : 0, run = time_us(contenders[i].run);
      if (!count) continue;
      pack_us[i].push_back(pack);
      run_us[i].push_back(run);
    }
  };
  turn(false);
  const double start = seconds();
  for (int r = 0; r < rounds || seconds() - start < min_seconds; ++r) turn(true);
  std::vector<LayerTiming> out;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    out.push_back({contenders[i].kernel, median(run_us[i]), *std::min_element(run_us[i].begin(), run_us[i].end()),
                   median(pack_us[i]), contenders[i].ceiling_us});
  }
  return out;
}

std::vector<LayerTiming> time_layer(const LayerProblem& problem, Isa isa, int rounds, double min_seconds) {
  return race(layer_contenders(problem, isa), rounds, min_seconds);
}

}  // namespace tern::infer

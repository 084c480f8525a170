// Session: owns the model, its plan and the workspaces, and spreads the work over threads. With at least as many images
// as threads each thread takes whole images; below that, the rows of each large step.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>

#include "core/names.hpp"
#include "infer/layer_names.hpp"
#include "infer/measure_rates.hpp"
#include "infer/plan/plan.hpp"
#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"
#include "tern/parallel.hpp"

namespace tern::infer {
namespace {

// Below this prediction a step is done before another thread has woken up.
constexpr double kWorthThreads = 15e-6;  // seconds

void check_options(const Options& o) {
  if (o.threads < 0) throw ValueError("[session] expected threads >= 0; got " + std::to_string(o.threads));
  if (!(o.max_work > 0)) throw ValueError("[session] expected max_work > 0; got " + std::to_string(o.max_work));
  if (o.isa && !is_available(*o.isa)) (void)isa_from_name(name_of(*o.isa));  // throws, listing the available ones
  const std::vector<std::string> known = kernel_families();
  if (!o.kernel.empty() && std::find(known.begin(), known.end(), o.kernel) == known.end()) {
    throw ValueError("[session] " + unknown_name("kernel", o.kernel, known));
  }
}

std::string_view layout_name(Layout layout) {
  switch (layout) {
    case Layout::kF32:
      return "f32";
    case Layout::kI8:
      return "i8";
    case Layout::kKpacked:
      return "k-packed";
    case Layout::kSliced:
      return "bit-sliced";
    case Layout::kSums:
      return "sums";
    case Layout::kOpaque:
      break;
  }
  return "prepared";
}

}  // namespace

std::vector<std::string> kernel_families() { return {"reference", "kpacked", "bitsliced"}; }

std::vector<WorkRate> work_rates(Isa isa) {
  const Rates table = built_in_rates(isa);
  const Rates& here = measure_rates(isa);
  std::vector<WorkRate> out;
  for (std::size_t i = 0; i < kWorkKinds; ++i) {
    const auto kind = static_cast<WorkKind>(i);
    out.push_back({describe(kind).first, describe(kind).second, table[kind], here[kind]});
  }
  return out;
}

std::vector<Options> every_path() {
  std::vector<Options> out;
  for (const Isa isa : available_isas()) {
    for (const char* kernel : {"", "kpacked", "bitsliced"}) {
      out.push_back({.isa = isa, .kernel = kernel});
      if (isa == Isa::kReference) break;
    }
  }
  return out;
}

// Images that share the vectors of bit-sliced convolutions: 8 of 7x7 pixels and their border fill 512 positions.
constexpr i64 kGroup = 8;
// A group's plan has to be predicted so much faster.
constexpr double kWorthGrouping = 0.97;

struct Session::Impl {
  packed::Model model;
  Options options;
  Isa isa;
  std::vector<Node> nodes;  // point into model
  Plan plan;
  std::vector<Workspace> workspaces;
  // For kGroup images at a time: made when a batch first is large enough, absent if it would not be faster.
  Plan group;
  bool group_settled = false, group_useful = false;
  std::vector<Workspace> group_workspaces;
  Tap tap;
  // Results of every node of the whole batch, while a tap is set: one node's values after the other.
  std::map<std::size_t, std::vector<float>> tap_floats;
  std::map<std::size_t, std::vector<std::int8_t>> tap_codes;

  Impl(packed::Model m, const Options& o) : model(std::move(m)), options(o) {
    check_options(o);
    isa = o.isa ? *o.isa : active_isa();
    nodes = check_model(model);
    expect_work(nodes, o.max_work);
    plan = make_plan(nodes, isa, o.kernel, rates());
  }
  Impl(const Impl&) = delete;

  const ValueType& input() const { return nodes.front().type; }
  i64 classes() const { return nodes.back().type.numel(); }

  int threads() const {
    const int all = num_threads();
    return options.threads == 0 ? all : std::min(options.threads, all);
  }

  Rates rates() const { return options.calibrate ? measure_rates(isa) : built_in_rates(isa); }

  bool groups() {
    if (group_settled) return group_useful;
    group_settled = true;
    if (isa == Isa::kReference || options.kernel == "reference" || options.kernel == "kpacked") return false;
    group = make_plan(nodes, isa, options.kernel, rates(), kGroup);
    group_useful = group.has_grouped_steps() &&
                   (!options.kernel.empty() || group.predicted_seconds() < kWorthGrouping * plan.predicted_seconds());
    if (!group_useful) group = {};
    return group_useful;
  }

  void ensure_workspaces(std::size_t count) {
    while (workspaces.size() < count) workspaces.push_back(plan.make_workspace());
  }
  void ensure_group_workspaces(std::size_t count) {
    while (group_workspaces.size() < count) group_workspaces.push_back(group.make_workspace());
  }

  // kGroup images, the first of them number `first` of the batch, step by step.
  void run_group(Workspace& w, const std::uint8_t* images, float* logits, i64 first) {
    const i64 pixels = input().numel();
    for (const auto& step : group.steps) {
      const i64 runs = step->is_grouped() ? 1 : kGroup;
      for (w.index = 0; w.index < runs; ++w.index) {
        w.image = images + w.index * pixels;
        step->run(w, 0, step->units());
      }
      for (w.index = 0; tap && w.index < kGroup; ++w.index) record(group, w, step->output, first + w.index);
    }
    for (w.index = 0; w.index < kGroup; ++w.index)
      std::copy_n(w.at<float>(group.output), classes(), logits + w.index * classes());
    w.index = 0;
  }

  void run_image(Workspace& w, const std::uint8_t* image, float* logits, int split, i64 index) {
    w.image = image;
    for (std::size_t at = 0; at < plan.steps.size(); ++at) {
      const Step* step = plan.steps[at].get();
      const i64 units = step->units();
      if (split > 1 && units > 1 && plan.seconds[at] > kWorthThreads) {
        const i64 parts = std::min<i64>(split, units);
        struct Job {
          const Step* step;
          Workspace* w;
          i64 units, parts;
        } job{step, &w, units, parts};
        parallel_for(parts, [&job](i64 i) {
          job.step->run(*job.w, job.units * i / job.parts, job.units * (i + 1) / job.parts);
        });
      } else {
        step->run(w, 0, units);
      }
      if (tap) record(plan, w, step->output, index);
    }
    std::copy_n(w.at<float>(plan.output), classes(), logits);
  }

  void check_images(std::span<const std::uint8_t> images, i64 n) const {
    const i64 pixels = input().numel(), most = std::numeric_limits<i64>::max() / std::max(pixels, classes());
    if (n < 0 || n > most || static_cast<i64>(images.size()) != n * pixels) {
      throw ShapeError("[session.run] expected n x " + input().shape.str() + " bytes for n = " + std::to_string(n) +
                       "; got " + std::to_string(images.size()));
    }
  }

  void run(std::span<const std::uint8_t> images, i64 n, std::span<float> logits) {
    check_images(images, n);
    const i64 pixels = input().numel();
    if (static_cast<i64>(logits.size()) != n * classes()) {
      throw ShapeError("[session.run] expected room for " + std::to_string(n) + " x " + std::to_string(classes()) +
                       " logits; got " + std::to_string(logits.size()));
    }
    if (n == 0) return;
    if (tap) prepare_tap(n);
    const int team = threads();
    // As many whole groups as every thread can have the same number of; the rest image by image.
    const i64 grouped = n >= team * kGroup && groups() ? n / (team * kGroup) * (team * kGroup) : 0;
    if (grouped > 0) {
      ensure_group_workspaces(static_cast<std::size_t>(team));
      const auto work = [&](i64 worker) {
        for (i64 i = worker * kGroup; i < grouped; i += team * kGroup) {
          run_group(group_workspaces[static_cast<std::size_t>(worker)], images.data() + i * pixels,
                    logits.data() + i * classes(), i);
        }
      };
      if (team > 1)
        parallel_for(team, work);
      else
        work(0);
    }
    if (team > 1 && n - grouped >= team) {
      ensure_workspaces(static_cast<std::size_t>(team));
      std::atomic<i64> next{grouped};
      parallel_for(team, [&](i64 worker) {
        Workspace& w = workspaces[static_cast<std::size_t>(worker)];
        for (i64 i = next++; i < n; i = next++) {
          run_image(w, images.data() + i * pixels, logits.data() + i * classes(), 1, i);
        }
      });
    } else {
      ensure_workspaces(1);
      for (i64 i = grouped; i < n; ++i) {
        run_image(workspaces[0], images.data() + i * pixels, logits.data() + i * classes(), team, i);
      }
    }
    if (tap) report_tap(n);
  }

  std::vector<StepTime> profile(const std::uint8_t* image, int rounds, double min_seconds) {
    using Clock = std::chrono::steady_clock;
    const auto since = [](Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); };
    ensure_workspaces(1);
    Workspace& w = workspaces[0];
    w.image = image;
    std::vector<std::vector<double>> seconds(plan.steps.size());
    const auto start = Clock::now();
    for (int r = -1; r < rounds || since(start) < min_seconds; ++r) {  // the first round warms up
      for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        const auto begin = Clock::now();
        plan.steps[i]->run(w, 0, plan.steps[i]->units());
        if (r >= 0) seconds[i].push_back(since(begin));
      }
    }
    std::vector<StepTime> out;
    for (auto& s : seconds) {
      std::sort(s.begin(), s.end());
      out.push_back({s[s.size() / 2], s.front()});
    }
    return out;
  }

  // ---- tap ----

  void prepare_tap(i64 n) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (plan.visible[i] < 0) continue;
      const auto size = static_cast<std::size_t>(n * nodes[i].type.numel());
      if (nodes[i].type.is_codes())
        tap_codes[i].resize(size);
      else
        tap_floats[i].resize(size);
    }
  }

  void record(const Plan& by, Workspace& w, BufferId id, i64 index) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (by.visible[i] != static_cast<std::ptrdiff_t>(id) || plan.visible[i] < 0) continue;
      const i64 size = nodes[i].type.numel();
      const Buffer& b = by.buffers[id];
      if (b.layout == Layout::kF32) {
        std::copy_n(w.at<float>(id), size, tap_floats.at(i).data() + index * size);
      } else if (b.layout == Layout::kI8) {
        std::copy_n(w.at<std::int8_t>(id), size, tap_codes.at(i).data() + index * size);
      } else if (b.layout == Layout::kKpacked) {
        kernels::kpacked::unpack(b.kpacked, w.at<std::uint8_t>(id), tap_codes.at(i).data() + index * size);
      } else {
        kernels::bitsliced::unpack(b.sliced.image(w.index), w.at<std::uint8_t>(id),
                                   tap_codes.at(i).data() + index * size);
      }
    }
  }

  void report_tap(i64 n) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (plan.visible[i] < 0) continue;
      const ValueType& t = nodes[i].type;
      std::vector<std::int64_t> extents = {n};
      extents.insert(extents.end(), t.shape.extents().begin(), t.shape.extents().end());
      TapValue value{*nodes[i].graph, Shape(std::span<const std::int64_t>(extents)), {}, {}, t.step, t.lo, t.hi};
      if (t.is_codes())
        value.codes = tap_codes.at(i);
      else
        value.floats = tap_floats.at(i);
      tap(value);
    }
  }
};

Session::Session(packed::Model model, const Options& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Session Session::load(const std::string& path, const Options& options) {
  packed::Model model = packed::read(path);
  try {
    return Session(std::move(model), options);
  } catch (const FormatError& error) {
    throw FormatError("\"" + path + "\": " + error.what());
  }
}

const packed::Model& Session::model() const& { return impl_->model; }
Shape Session::input_shape() const { return impl_->input().shape; }
std::int64_t Session::classes() const { return impl_->classes(); }
Isa Session::isa() const { return impl_->isa; }

std::vector<StepInfo> Session::plan(std::int64_t batch) const {
  std::vector<StepInfo> rows;
  const Plan& plan = batch >= kGroup && impl_->groups() ? impl_->group : impl_->plan;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = *plan.steps[i];
    const Buffer& out = plan.buffers[step.output];
    rows.push_back({step.nodes, step.kernel, std::string(layout_name(out.layout)), step.macs,
                    static_cast<std::int64_t>(out.bytes) / plan.images, plan.seconds[i],
                    step.layer ? layer_name(*step.layer) : ""});
  }
  return rows;
}

std::size_t Session::arena_bytes() const { return impl_->plan.arena_bytes; }

std::vector<StepTime> Session::profile(std::span<const std::uint8_t> image, int rounds, double min_seconds) {
  if (static_cast<i64>(image.size()) != impl_->input().numel()) {
    throw ShapeError("[session.profile] expected the bytes of one image, " + impl_->input().shape.str() + "; got " +
                     std::to_string(image.size()));
  }
  if (rounds < 1) throw ValueError("[session.profile] expected rounds >= 1; got " + std::to_string(rounds));
  return impl_->profile(image.data(), rounds, min_seconds);
}

void Session::run(std::span<const std::uint8_t> images, std::int64_t n, std::span<float> logits) {
  impl_->run(images, n, logits);
}

std::vector<float> Session::run(std::span<const std::uint8_t> images, std::int64_t n) {
  impl_->check_images(images, n);
  std::vector<float> logits(static_cast<std::size_t>(n * classes()));
  impl_->run(images, n, logits);
  return logits;
}

std::vector<std::int32_t> Session::predict(std::span<const std::uint8_t> images, std::int64_t n) {
  const std::vector<float> logits = run(images, n);
  std::vector<std::int32_t> out;
  const auto width = static_cast<std::size_t>(classes());
  for (std::size_t i = 0; i < logits.size(); i += width) out.push_back(arg_max(std::span(logits).subspan(i, width)));
  return out;
}

void Session::set_tap(Tap tap) {
  impl_->tap = std::move(tap);
  impl_->tap_floats.clear();
  impl_->tap_codes.clear();
}

std::int32_t arg_max(std::span<const float> values) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best] || (std::isnan(values[best]) && !std::isnan(values[i]))) best = i;
  }
  return static_cast<std::int32_t>(best);
}

}  // namespace tern::infer

// Session: the memory of a model's runs, and how the work spreads over threads. With at least as many images as threads
// each thread takes whole images; below that, the rows of each large step. A run allocates nothing.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>

#include "infer/crew.hpp"
#include "infer/layer_names.hpp"
#include "infer/measure_rates.hpp"
#include "infer/model_impl.hpp"
#include "infer/taps.hpp"
#include "infer/working_memory.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"
#include "tern/interrupt.hpp"

namespace tern::infer {
namespace {

// Below this prediction a step is done before another thread has woken up.
constexpr double kWorthThreads = 15e-6;  // seconds

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

namespace {

// The best of an image's logits, by insertion: k is small. Larger ones first, then lower indices, NaN last.
void rank(std::span<const float> logits, std::span<std::int32_t> best) {
  const auto is_better = [&](std::size_t a, std::int32_t b) {
    const float x = logits[a], y = logits[static_cast<std::size_t>(b)];
    return x > y || (std::isnan(y) && !std::isnan(x));
  };
  std::size_t found = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (found == best.size() && !is_better(i, best.back())) continue;
    std::size_t at = found < best.size() ? found++ : found - 1;
    for (; at > 0 && is_better(i, best[at - 1]); --at) best[at] = best[at - 1];
    best[at] = static_cast<std::int32_t>(i);
  }
}

// Where the results of a batch go.
struct Results {
  std::span<float> logits = {};
  std::span<std::int32_t> classes = {};
  std::size_t k = 0;  // best classes of each image; the logits are theirs. 0: the logits are all of an image

  void put(std::span<const float> of_image, i64 index) const {
    const std::size_t at = static_cast<std::size_t>(index) * (k > 0 ? k : of_image.size());
    if (k == 0) {
      std::copy(of_image.begin(), of_image.end(), logits.begin() + static_cast<std::ptrdiff_t>(at));
      return;
    }
    const auto best = classes.subspan(at, k);
    rank(of_image, best);
    for (std::size_t i = 0; !logits.empty() && i < k; ++i) logits[at + i] = of_image[static_cast<std::size_t>(best[i])];
  }
};

}  // namespace

struct Session::Impl {
  std::shared_ptr<const Model> shared;
  const Model::Impl& model;
  Options options;
  Crew crew;
  WorkingMemory single, grouped;
  Taps taps;

  static std::shared_ptr<const Model> given(std::shared_ptr<const Model> m, const Options& o) {
    if (!m) throw ValueError("[session] expected a model; got null");
    check_session_options(o);
    return m;
  }

  Impl(std::shared_ptr<const Model> m, const Options& o)
      : shared(given(std::move(m), o)), model(shared->impl()), options(o), crew(o), taps(model) {
    const SessionSizes s = session_sizes(model, o, crew.size());
    single = WorkingMemory(model.plan, s.images, s.threads, o.memory);
    if (s.groups > 0) grouped = WorkingMemory(*model.group(), s.groups, s.threads, o.memory);
    if (o.log && o.threads > 1)
      o.log(std::to_string(o.threads) + (o.pool.run ? " tasks at a time in the caller's pool" : " threads"));
  }
  Impl(const Impl&) = delete;

  i64 pixels() const { return model.input().numel(); }
  i64 classes() const { return model.classes(); }
  std::span<const float> logits(const Plan& plan, Workspace& w) const {
    return {w.at<float>(plan.output), static_cast<std::size_t>(classes())};
  }

  // kGroup images, the first of them number `first` of the batch, step by step.
  void run_group(Workspace& w, const std::uint8_t* images, const Results& results, i64 first) {
    const Plan& group = *model.group();
    for (const auto& step : group.steps) {
      expect_no_interrupt();
      const i64 runs = step->is_grouped() ? 1 : kGroup;
      for (w.index = 0; w.index < runs; ++w.index) {
        w.image = images + w.index * pixels();
        step->run(w, 0, step->units());
      }
      for (w.index = 0; taps.is_set() && w.index < kGroup; ++w.index)
        taps.record(group, w, step->output, first + w.index);
    }
    for (w.index = 0; w.index < kGroup; ++w.index) results.put(logits(group, w), first + w.index);
    w.index = 0;
  }

  // Image number `index`, in the memory of number `at`, by `split` threads.
  void run_image(std::size_t at, const std::uint8_t* image, const Results& results, int split, i64 index) {
    const Plan& plan = model.plan;
    Workspace w = single.space(at, at);
    w.image = image;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      const Step& step = *plan.steps[i];
      const i64 units = step.units();
      expect_no_interrupt();
      if (split > 1 && units > 1 && plan.seconds[i] > kWorthThreads) {
        const i64 parts = std::min<i64>(split, units);
        crew.run(parts, [&](i64 part) {
          Workspace mine = single.space(at, static_cast<std::size_t>(part));
          mine.image = image;
          step.run(mine, units * part / parts, units * (part + 1) / parts);
        });
      } else {
        step.run(w, 0, units);
      }
      if (taps.is_set()) taps.record(plan, w, step.output, index);
    }
    results.put(logits(plan, w), index);
  }

  void check_images(std::span<const std::uint8_t> images, i64 n) const {
    const i64 most = std::numeric_limits<i64>::max() / std::max(pixels(), classes());
    if (n < 0 || n > most || static_cast<i64>(images.size()) != n * pixels()) {
      throw ShapeError("[session.run] expected n x " + model.input().shape.str() +
                       " bytes for n = " + std::to_string(n) + "; got " + std::to_string(images.size()));
    }
  }
  void check_room(std::size_t room, i64 n, i64 each, const char* what) const {
    if (static_cast<i64>(room) == n * each) return;
    throw ShapeError("[session.run] expected room for " + std::to_string(n) + " x " + std::to_string(each) + " " +
                     what + "; got " + std::to_string(room));
  }

  // Images that run as whole groups: as many as every thread can have the same number of. The rest goes image by image.
  i64 groups_of(i64 n, int team) {
    if (n < team * kGroup || (options.batch > 0 && grouped.images() == 0) || !model.group()) return 0;
    if (static_cast<int>(grouped.images()) < team) grouped = WorkingMemory(*model.group(), team, team, options.memory);
    return n / (team * kGroup) * (team * kGroup);
  }

  void run(std::span<const std::uint8_t> images, i64 n, const Results& results) {
    if (n == 0) return;
    if (taps.is_set()) taps.prepare(n);
    const int team = crew.size();
    if (options.batch == 0 && static_cast<int>(single.images()) < team)  // the process has more threads now
      single = WorkingMemory(model.plan, team, team, options.memory);
    const i64 grouped_images = groups_of(n, team);
    if (grouped_images > 0) {
      crew.run(team, [&](i64 worker) {
        const auto at = static_cast<std::size_t>(worker);
        Workspace w = grouped.space(at, at);
        for (i64 i = worker * kGroup; i < grouped_images; i += team * kGroup)
          run_group(w, images.data() + i * pixels(), results, i);
      });
    }
    const int at_a_time = std::min(team, static_cast<int>(single.images()));
    if (at_a_time > 1 && n - grouped_images >= at_a_time) {
      std::atomic<i64> next{grouped_images};
      crew.run(at_a_time, [&](i64 worker) {
        for (i64 i = next++; i < n; i = next++)
          run_image(static_cast<std::size_t>(worker), images.data() + i * pixels(), results, 1, i);
      });
    } else {
      for (i64 i = grouped_images; i < n; ++i) run_image(0, images.data() + i * pixels(), results, team, i);
    }
    if (taps.is_set()) taps.report(n);
  }

  std::vector<StepTime> profile(const std::uint8_t* image, int rounds, double min_seconds) {
    using Clock = std::chrono::steady_clock;
    const auto since = [](Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); };
    const Plan& plan = model.plan;
    Workspace w = single.space(0, 0);
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
};

Session::Session(std::shared_ptr<const Model> model, const Options& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}
Session::Session(packed::Model model, const Options& options)
    : Session(std::make_shared<const Model>(std::move(model), options), options) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Session Session::load(const std::string& path, const Options& options) {
  return Session(Model::load(path, options), options);
}

const packed::Model& Session::model() const& { return impl_->shared->packed_model(); }
const std::shared_ptr<const Model>& Session::shared_model() const& { return impl_->shared; }
std::shared_ptr<const Model> Session::shared_model() && { return impl_->shared; }
Shape Session::input_shape() const { return impl_->model.input().shape; }
std::int64_t Session::classes() const { return impl_->classes(); }
Isa Session::isa() const { return impl_->model.isa; }

std::vector<StepInfo> Session::plan(std::int64_t batch) const {
  std::vector<StepInfo> rows;
  const Plan& plan = batch >= kGroup && impl_->model.group() ? *impl_->model.group() : impl_->model.plan;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = *plan.steps[i];
    const Buffer& out = plan.buffers[step.output];
    rows.push_back({step.nodes, step.kernel, std::string(layout_name(out.layout)), step.macs,
                    static_cast<std::int64_t>(out.bytes) / plan.images, plan.seconds[i],
                    step.layer ? layer_name(*step.layer) : ""});
  }
  return rows;
}

std::size_t Session::arena_bytes() const { return impl_->model.plan.arena_bytes; }

std::vector<StepTime> Session::profile(std::span<const std::uint8_t> image, int rounds, double min_seconds) {
  if (static_cast<i64>(image.size()) != impl_->model.input().numel()) {
    throw ShapeError("[session.profile] expected the bytes of one image, " + impl_->model.input().shape.str() +
                     "; got " + std::to_string(image.size()));
  }
  if (rounds < 1) throw ValueError("[session.profile] expected rounds >= 1; got " + std::to_string(rounds));
  return impl_->profile(image.data(), rounds, min_seconds);
}

void Session::run(std::span<const std::uint8_t> images, std::int64_t n, std::span<float> logits) {
  impl_->check_images(images, n);
  impl_->check_room(logits.size(), n, classes(), "logits");
  impl_->run(images, n, {.logits = logits});
}

std::vector<float> Session::run(std::span<const std::uint8_t> images, std::int64_t n) {
  impl_->check_images(images, n);
  std::vector<float> logits(static_cast<std::size_t>(n * classes()));
  run(images, n, logits);
  return logits;
}

void Session::predict(std::span<const std::uint8_t> images, std::int64_t n, std::span<std::int32_t> out) {
  impl_->check_images(images, n);
  impl_->check_room(out.size(), n, 1, "classes");
  impl_->run(images, n, {.classes = out, .k = 1});
}

std::vector<std::int32_t> Session::predict(std::span<const std::uint8_t> images, std::int64_t n) {
  impl_->check_images(images, n);
  std::vector<std::int32_t> out(static_cast<std::size_t>(n));
  predict(images, n, out);
  return out;
}

void Session::top(std::span<const std::uint8_t> images, std::int64_t n, std::span<std::int32_t> best,
                  std::span<float> logits) {
  impl_->check_images(images, n);
  const i64 k = std::clamp<i64>(n > 0 ? std::ssize(best) / n : 0, 1, classes());
  impl_->check_room(best.size(), n, k, "classes");
  if (!logits.empty()) impl_->check_room(logits.size(), n, k, "logits");
  impl_->run(images, n, {.logits = logits, .classes = best, .k = static_cast<std::size_t>(k)});
}

void Session::set_tap(Tap tap) { impl_->taps.set(std::move(tap)); }

std::int32_t arg_max(std::span<const float> values) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best] || (std::isnan(values[best]) && !std::isnan(values[i]))) best = i;
  }
  return static_cast<std::int32_t>(best);
}

}  // namespace tern::infer

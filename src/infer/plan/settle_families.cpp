// The choice between the plane layouts as a FamilyProblem: predicted times of everything that may work in either.
#include <array>

#include "infer/plan/decisions.hpp"
#include "infer/steps/steps.hpp"
#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::infer {
namespace {

namespace kpacked = kernels::kpacked;

using Seconds = std::array<double, 2>;  // by Family
constexpr std::array<Layout, kValueLayouts> kLayouts = {Layout::kF32, Layout::kI8, Layout::kKpacked, Layout::kSliced};

std::size_t index(Layout l) { return static_cast<std::size_t>(l); }

// Of the sums of a fused step's head, made floats.
Seconds source_seconds(const Decisions& d, std::size_t i) {
  const Task& task = d.task;
  const Multiply& m = *task.multiply(i);
  const kernels::ConvShape shape = d.planes.conv(i);
  const kpacked::PlaneCode in = d.planes.code(task.nodes[i].inputs[0]);
  const bool sliced = d.planes.runs_sliced(i) && d.planes.fits_sliced(task.nodes[i].inputs[0]) &&
                      d.planes.sums(i, m.codes).total_bytes() <= kMostSlicedBytes;
  Seconds out{};
  for (const auto& part : m.parts()) {
    out[0] += task.rates.seconds(kpacked_conv_work(shape, part, in)) +
              task.rates.seconds({floats_work(task.type(i), 2, false)});
    if (!sliced) continue;
    out[1] +=
        task.rates.seconds(sliced_conv_work(shape, part, in, d.planes.sums(i, part), d.planes.is_moved(i), task.isa)) +
        task.rates.seconds(sums_work(task.type(i))) + task.rates.seconds({floats_work(task.type(i), 2, true)});
  }
  if (!sliced) out[1] = kCannot;
  return out;
}

Seconds threshold_conv_seconds(const Decisions& d, std::size_t i) {
  const Task& task = d.task;
  const kernels::ConvShape shape = d.planes.conv(i);
  const std::span<const std::int8_t> weights = task.multiply(i)->codes;
  const kpacked::PlaneCode in = d.planes.code(task.nodes[i].inputs[0]);
  Seconds out{kCannot, kCannot};
  if (d.planes.runs_kpacked(i)) out[0] = task.rates.seconds(kpacked_conv_work(shape, weights, in));
  if (d.planes.runs_sliced(i)) {
    out[1] =
        task.rates.seconds(sliced_conv_work(shape, weights, in, d.planes.sliced(i), d.planes.is_moved(i), task.isa));
  }
  return out;
}

Seconds plane_form_seconds(const Task& task, std::size_t i) {
  return {task.rates.seconds(plane_work(task.nodes[i], task.in(i), Layout::kKpacked)),
          task.rates.seconds(plane_work(task.nodes[i], task.in(i), Layout::kSliced))};
}

// Of what a fused step does behind its source.
Seconds sink_seconds(const Decisions& d, std::size_t i) {
  const Task& task = d.task;
  const bool rows = !task.multiply(i);
  const std::size_t times = 2 + d.choices[i].chain.size() + task.nodes[i].inputs.size();
  const ValueType& codes = task.type(d.end_of(i));
  return {task.rates.seconds({floats_work(task.type(i), times, false)}),
          task.rates.seconds({floats_work(task.type(i), times, rows)}) +
              task.rates.seconds(rows ? row_pack_work(codes) : turn_work(codes))};
}

Seconds step_seconds(const Decisions& d, std::size_t i) {
  const How how = d.choices[i].how;
  Seconds out = how == How::kThresholdConv ? threshold_conv_seconds(d, i)
                : how == How::kPlanes      ? plane_form_seconds(d.task, i)
                                           : sink_seconds(d, i);
  bool fits = d.planes.fits_sliced(d.end_of(i));
  for (const std::size_t in : d.task.nodes[i].inputs) fits = fits && (how == How::kLane || d.planes.fits_sliced(in));
  if (!fits) out[1] = kCannot;
  if (out[0] >= kCannot && out[1] >= kCannot) out[0] = 0;
  return out;
}

// A problem, and where its answers go.
struct Question {
  FamilyProblem problem;
  std::vector<Family*> answers;

  // A variable that reads and makes values.
  void add(const FamilyProblem::Variable& v, Family& answer) {
    problem.variables.push_back(v);
    answers.push_back(&answer);
  }
  void reads(std::size_t root, FamilyProblem::Variable& v) {
    v.values.push_back(root);
    problem.values[root].readers.push_back(answers.size());
  }
  void makes(std::size_t value, FamilyProblem::Variable& v) {
    v.values.push_back(value);
    problem.values[value].maker = static_cast<std::ptrdiff_t>(answers.size());
  }
};

void add_source(Question& q, Decisions& d, std::size_t i) {
  FamilyProblem::Variable v;
  v.seconds = source_seconds(d, i);
  q.reads(d.task.in_root(i), v);
  q.add(v, d.choices[i].source);
}

void add_step(Question& q, Decisions& d, std::size_t i) {
  FamilyProblem::Variable v;
  v.seconds = step_seconds(d, i);
  q.makes(d.end_of(i), v);
  if (d.is_sink(i)) {
    v.makes = {d.made(i, Family::kKpacked), d.made(i, Family::kSliced)};
  } else {
    for (const std::size_t in : d.task.nodes[i].inputs) q.reads(d.task.root[in], v);
  }
  q.add(v, d.choices[i].family);
}

void add_conversions(Question& q, const Decisions& d, std::size_t i) {
  FamilyProblem::Value& v = q.problem.values[i];
  v.wanted = {d.wishes[i].f32, d.wishes[i].i8, false, false};
  for (const Layout from : kLayouts) {
    for (const Layout to : kLayouts)
      v.convert[index(from)][index(to)] = d.task.rates.seconds(convert_work(d.task.type(i), from, to));
  }
}

std::vector<Family> answers_to(const FamilyProblem& problem, const std::string& kernel) {
  if (kernel.empty()) return choose_families(problem);
  const auto want = static_cast<std::size_t>(kernel == "bitsliced" ? Family::kSliced : Family::kKpacked);
  std::vector<Family> out;
  for (const FamilyProblem::Variable& v : problem.variables)
    out.push_back(static_cast<Family>(v.seconds[want] < kCannot ? want : 1 - want));
  return out;
}

}  // namespace

void settle_families(Decisions& d) {
  Question q;
  q.problem.values.resize(d.task.size());
  for (std::size_t i = 0; i < d.task.size(); ++i) {
    const How how = d.choices[i].how;
    if (d.choices[i].plane_source) add_source(q, d, i);
    if (how == How::kThresholdConv || how == How::kPlanes || d.is_sink(i)) add_step(q, d, i);
  }
  for (std::size_t i = 0; i < d.task.size(); ++i) {
    if (d.task.type(i).is_codes()) add_conversions(q, d, i);
  }
  const std::vector<Family> families = answers_to(q.problem, d.task.kernel);
  for (std::size_t k = 0; k < families.size(); ++k) *q.answers[k] = families[k];
}

}  // namespace tern::infer

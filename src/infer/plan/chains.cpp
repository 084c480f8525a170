#include "infer/plan/decisions.hpp"

namespace tern::infer {
namespace {

bool can_head(const Decisions& d, std::size_t i) {
  const Operation& o = d.task.operation(i);
  if (const Multiply* m = o.multiply())
    return !m->has_epilogue() && (d.planes.runs_kpacked(i) || !d.task.codes_by_codes(i));
  return o.adds() || o.thresholds() || o.lane();
}

// The quantizer `i` of an image that nothing else reads takes its codes from a table.
bool joins_image(const Task& task, std::size_t i) {
  const std::size_t in = task.nodes[i].inputs[0];
  return task.operation(i).thresholds() && task.nodes[in].is_image() && task.readers[in] == 1;
}

// From head `i` on, as far as values have one reader and operations fit.
void extend(Decisions& d, std::size_t i) {
  const Task& task = d.task;
  Choice& c = d.choices[i];
  if (task.operation(i).lane()) c.chain.push_back(i);
  for (std::size_t at = i; c.quantize < 0 && task.readers[at] == 1 && !task.is_last(at);) {
    at = task.last_reader[at];
    if (task.operation(at).lane())
      c.chain.push_back(at);
    else if (task.operation(at).thresholds())
      c.quantize = static_cast<std::ptrdiff_t>(at);
    else
      return;
    d.choices[at].how = How::kInside;
  }
}

}  // namespace

void find_chains(Decisions& d) {
  for (std::size_t i = 0; i < d.task.size(); ++i) {
    Choice& c = d.choices[i];
    if (c.how == How::kInside || !can_head(d, i)) continue;
    if (joins_image(d.task, i)) {
      c.how = How::kCodedInput;
      d.choices[d.task.nodes[i].inputs[0]].how = How::kInside;
      continue;
    }
    c.how = How::kLane;
    c.plane_source = d.planes.runs_kpacked(i);
    if (d.task.operation(i).thresholds())
      c.quantize = static_cast<std::ptrdiff_t>(i);
    else
      extend(d, i);
  }
}

}  // namespace tern::infer

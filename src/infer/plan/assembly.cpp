#include "infer/plan/assembly.hpp"

#include <algorithm>

#include "infer/steps/steps.hpp"

namespace tern::infer {

// One after the other for each image of the group, on whole cache lines.
void Assembly::set_bytes(Buffer& b, std::size_t bytes) const {
  const i64 images = decisions_.task.images;
  b.stride = images > 1 ? whole_lines(bytes) : 0;
  b.bytes = images > 1 ? b.stride * static_cast<std::size_t>(images) : bytes;
}

BufferId Assembly::shared(const Buffer& buffer) {
  plan_.buffers.push_back(buffer);
  return plan_.buffers.size() - 1;
}

BufferId Assembly::temporary(std::size_t node, Layout layout, std::size_t bytes) {
  Buffer b;
  b.node = node;
  b.layout = layout;
  set_bytes(b, bytes);
  return shared(b);
}

BufferId Assembly::add(std::size_t node, Layout layout) {
  const ValueType& t = decisions_.task.type(node);
  const Wish& wish = decisions_.wishes[node];
  Buffer b;
  b.node = node;
  b.layout = layout;
  if (layout == Layout::kSliced) {
    b.sliced = decisions_.planes.sliced(node);
    b.bytes = static_cast<std::size_t>(b.sliced.total_bytes());
  } else if (layout == Layout::kKpacked) {
    b.kpacked = {decisions_.planes.code(node), t.channels(), t.height(), t.width(), wish.pad_h, wish.pad_w};
    set_bytes(b, static_cast<std::size_t>(b.kpacked.total_bytes()));
  } else {
    set_bytes(b, static_cast<std::size_t>(t.numel()) * (layout == Layout::kF32 ? sizeof(float) : 1));
  }
  return shared(b);
}

BufferId Assembly::own(std::size_t node, Layout layout) {
  const BufferId id = add(node, layout);
  buffer_[node][static_cast<std::size_t>(layout)] = static_cast<std::ptrdiff_t>(id);
  return id;
}

BufferId Assembly::get(std::size_t node, Layout layout) {
  const std::size_t root = decisions_.task.root[node];
  const auto have = [&](Layout l) { return buffer_[root][static_cast<std::size_t>(l)]; };
  if (have(layout) >= 0) return static_cast<BufferId>(have(layout));
  Layout source = Layout::kI8;
  for (const Layout l : {Layout::kSliced, Layout::kKpacked}) {
    if (have(l) >= 0) source = l;
  }
  const auto from = static_cast<BufferId>(have(source));
  const BufferId to = own(root, layout);
  touch(from);
  auto step = make_convert_step(decisions_.task.type(root), plan_.buffers[from], from, plan_.buffers[to], to);
  step->nodes = decisions_.task.nodes[root].graph->name;
  push(std::move(step));
  return to;
}

void Assembly::touch(BufferId id) {
  plan_.buffers[id].last_step = std::max(plan_.buffers[id].last_step, plan_.steps.size());
}

void Assembly::push(std::unique_ptr<Step> step) {
  Buffer& out = plan_.buffers[step->output];
  out.first_step = out.last_step = plan_.steps.size();
  plan_.steps.push_back(std::move(step));
}

void Assembly::push(std::unique_ptr<Step> step, WorkList work) {
  step->work = std::move(work);
  push(std::move(step));
}

// The buffer that a tap reads.
std::ptrdiff_t Assembly::native(std::size_t node) const {
  const Layout dense = decisions_.task.type(node).is_codes() ? Layout::kI8 : Layout::kF32;
  for (const Layout l : {dense, Layout::kKpacked, Layout::kSliced}) {
    if (const std::ptrdiff_t id = buffer_[node][static_cast<std::size_t>(l)]; id >= 0) return id;
  }
  return -1;
}

Plan Assembly::finish() && {
  const Task& task = decisions_.task;
  plan_.output = get(task.size() - 1, Layout::kF32);
  touch(plan_.output);
  plan_.images = task.images;
  for (const auto& step : plan_.steps) plan_.seconds.push_back(task.rates.seconds(step->work));
  for (const std::size_t root : task.root) plan_.visible.push_back(native(root));
  plan_.arena_bytes = place(plan_.buffers);
  for (const auto& step : plan_.steps) plan_.scratch_bytes = std::max(plan_.scratch_bytes, step->scratch_bytes());
  return std::move(plan_);
}

}  // namespace tern::infer

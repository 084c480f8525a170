#include "infer/plan/task.hpp"

#include <utility>

namespace tern::infer {

Task::Task(const std::vector<Node>& of, Isa on, std::string family, const Rates& by, i64 together)
    : nodes(of),
      isa(on),
      kernel(std::move(family)),
      rates(by),
      images(together),
      fused(isa != Isa::kReference && kernel != "reference"),
      readers(of.size(), 0),
      last_reader(of.size(), of.size()) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    root.push_back(nodes[i].op->aliases ? in_root(i) : i);
    for (const std::size_t in : nodes[i].inputs) {
      ++readers[in];
      last_reader[in] = i;
    }
  }
}

}  // namespace tern::infer

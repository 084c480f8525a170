// What is to be planned, and how the values of its graph hang together.
#pragma once

#include <string>
#include <vector>

#include "infer/ops/node.hpp"
#include "infer/plan/rates.hpp"
#include "tern/cpu.hpp"

namespace tern::infer {

struct Task {
  /// `kernel`: see Options. `images`: how many the plan runs together.
  Task(const std::vector<Node>& nodes, Isa isa, std::string kernel, const Rates& rates, i64 images);

  const std::vector<Node>& nodes;
  Isa isa;
  std::string kernel;
  Rates rates;
  i64 images;
  bool fused;  ///< steps of several nodes and of planes; else every node by its plain definition

  std::vector<std::size_t> root;         ///< the node whose memory a value is
  std::vector<std::size_t> readers;      ///< how many inputs of nodes a value is
  std::vector<std::size_t> last_reader;  ///< nodes.size() if there is none

  std::size_t size() const { return nodes.size(); }
  bool is_last(std::size_t i) const { return i + 1 == nodes.size(); }
  const ValueType& type(std::size_t i) const { return nodes[i].type; }
  /// Type and root of the first input.
  const ValueType& in(std::size_t i) const { return type(nodes[i].inputs[0]); }
  std::size_t in_root(std::size_t i) const { return root[nodes[i].inputs[0]]; }
  const Operation& operation(std::size_t i) const { return *nodes[i].operation; }
  const Multiply* multiply(std::size_t i) const { return nodes[i].operation->multiply(); }
  bool codes_by_codes(std::size_t i) const { return multiply(i) && !multiply(i)->codes.empty() && in(i).is_codes(); }
};

}  // namespace tern::infer

// From a checked graph to the steps of a C program: which nodes are one function, what lies where in the arena.
#pragma once

#include <set>

#include "export/c/body.hpp"
#include "tern/packed.hpp"

namespace tern::c99 {

/// One function: a node, and the nodes behind it that change its numbers one by one. The last one's value is stored.
struct Step {
  std::size_t head = 0;  ///< one past the last node: the scores, of a network whose last value is not real
  std::vector<std::size_t> chain;
  i64 offset = 0;  ///< of its result in the arena

  std::size_t last() const { return chain.empty() ? head : chain.back(); }
};

struct Program {
  Prefix prefix;
  const packed::Model& model;
  std::vector<infer::Node> nodes;
  std::vector<std::string> names;   ///< by node: C identifiers
  std::vector<Value> values;        ///< by node; those of flattened and of chained nodes included
  std::vector<std::size_t> memory;  ///< by node: the node whose memory it reads
  std::vector<Table> image_tables;  ///< of what bytes become
  std::vector<Step> steps;
  std::size_t result = 0;   ///< the node whose step writes the scores
  std::optional<int> unit;  ///< scores are whole numbers of 2^unit, and nothing is a float; none: they are floats
  int max_word = 32;
  i64 arena_bytes = 0;

  /// Type of a score: a number of the result.
  std::string score() const { return prefix.lower + "_score"; }
  /// Of the step's function.
  std::string name(const Step& step) const {
    return step.head == nodes.size() ? prefix.lower + "_scores" : names[step.last()];
  }
  /// Nodes that a step reads.
  std::vector<std::size_t> inputs(const Step& step) const;
  /// The reader that node `i` was checked with.
  infer::NodeReader reader(std::size_t i) const;
};

/// Errors: FormatError naming the node that is no network, or too large for 32-bit indices.
Program plan(const packed::Model& model, const std::string& name, int max_word);

/// The function of a step. Errors: FormatError naming the node whose numbers C cannot hold.
StepText write_step(const Program& program, const Step& step, Form form);
/// The forms that its weights can have, the preferred one first; one of them if it has none.
std::vector<Form> forms(const Program& program, const Step& step);

}  // namespace tern::c99

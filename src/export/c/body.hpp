// What an operation becomes in C: statements that compute one number of its result. Each is a row of
// src/infer/ops/ops.def and a definition in src/export/c/ops, in a file of the same name as there. The loops around it,
// where the number goes and what is done to it afterwards are written by step.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/c/code.hpp"
#include "export/c/table.hpp"
#include "export/c/value.hpp"
#include "infer/ops/node.hpp"
#include "infer/ops/node_reader.hpp"

namespace tern::c99 {

/// How the weights of a layer on codes are stored and read.
enum class Form {
  kPlain,  ///< a byte a weight
  kBase3,  ///< ten codes -1..1 in 16 bits
  kBits,   ///< words of channels, one for each digit of the magnitude and one for the sign
};
std::string_view name_of(Form form);

/// What is written of one step.
struct StepText {
  Code code;
  std::vector<Table> tables;
  std::set<std::string> helpers;
  std::string form;       ///< of its weights: "bits", "base3", "int8", "fp32"; "": it has none
  double operations = 0;  ///< words, products and comparisons for an image
};

/// What an operation's emitter sees. Its statements leave the number at channel `o`, row `p`, column `q`, pixel `i`
/// (index expressions) in the variable `v` (real) or `code`.
struct Body {
  const infer::Node& node;
  const infer::NodeReader& read;
  const std::vector<Operand>& in;
  const Prefix& prefix;
  std::string o, p, q, i;
  Form form;
  const std::string& name;  ///< what names of its tables begin with
  std::optional<int> unit;  ///< `v` is a whole number of 2^unit: a score of a network without floats
  StepText& out;

  Code& code() const { return out.code; }
  /// Adds the table and gives the expression of an element.
  std::string element(Table table, const std::string& index) const;
  /// One number for each channel, as a literal if all are the same.
  std::string of_channel(const std::string& what, std::span<const float> values, const std::string& index) const;
  /// A number a channel of the node, at `o`.
  std::string of_channel(const std::string& what, std::span<const float> values) const {
    return of_channel(what, values, o);
  }
  std::string of_channel(const std::string& what, const std::vector<i64>& values) const;
};

/// Which indices an emitter reads.
enum class Walk {
  kNumber,  ///< none: it changes `v`
  kPixels,  ///< o and i
  kRows,    ///< o, p and q
};
struct Emitter {
  void (*emit)(const Body&) = nullptr;
  Walk walk = Walk::kPixels;
  bool reads_inputs = true;
  bool in_place = false;  ///< a number of the result needs of a real input only the one at its place
};

#define TERN_PACKED_OP(name, ...) extern const Emitter name##_c;
#include "infer/ops/ops.def"
#undef TERN_PACKED_OP

/// Of the operation.
const Emitter& emitter_of(const infer::Node& node);
/// What multiply can have.
bool can(Form form, const infer::Node& node, const Value& in);

}  // namespace tern::c99

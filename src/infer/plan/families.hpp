// Which plane layout each step works in: the choice between the K-packed and the bit-sliced family for a whole network.
//
// Every step that may work in either is a variable with two times. Every value that travels between steps costs a
// conversion for each layout that is wanted and is not the one it is made in. The sum is made small by changing runs of
// neighbouring variables together, since a single layer rarely pays for the conversions on both of its sides: descent
// from all K-packed, deterministic, never worse than that.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "infer/steps/step.hpp"

namespace tern::infer {

enum class Family { kKpacked, kSliced };
inline constexpr double kCannot = 1e9;  ///< seconds: a family that cannot run it
inline Layout layout_of(Family f) { return f == Family::kKpacked ? Layout::kKpacked : Layout::kSliced; }

struct FamilyProblem {
  struct Variable {
    std::array<double, 2> seconds{};  ///< by Family
    std::array<Layout, 2> makes{Layout::kKpacked, Layout::kSliced};
    std::vector<std::size_t> values;  ///< what it reads and makes
  };
  struct Value {
    std::ptrdiff_t maker = -1;                 ///< variable, or -1:
    Layout made = Layout::kI8;                 ///< by a step that has no choice
    std::vector<std::size_t> readers;          ///< variables; they want the layout of their family
    std::array<bool, kValueLayouts> wanted{};  ///< by steps that have no choice
    std::array<std::array<double, kValueLayouts>, kValueLayouts> convert{};  ///< seconds [from][to]
  };
  std::vector<Variable> variables;
  std::vector<Value> values;
};

std::vector<Family> choose_families(const FamilyProblem& problem);

}  // namespace tern::infer

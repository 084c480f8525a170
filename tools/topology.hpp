// A topology on the command line, as the verbs that look at one take it.
#pragma once

#include <set>
#include <string>

#include "cli.hpp"
#include "tern/nn.hpp"

namespace tern::cli {

struct TopologyOptions {
  std::string model, graph, genotype, input = "3x32x32", options;
  ModelOptions build;
  std::set<std::string> given;  ///< of the options that build it

  bool named() const { return !model.empty() || !graph.empty() || !genotype.empty(); }
  /// What it is called.
  std::string name() const { return !model.empty() ? model : !graph.empty() ? graph : genotype; }
  /// Errors: ValidationError unless one of the three is given, or for options that it does not take; those of
  /// make_model(), genotype_graph() and Graph::parse().
  Graph build_graph() const;
  /// Whether a topology by name is another one with that switch than without it; false of a genotype.
  bool is_changed_by(bool ModelOptions::*flag) const;
};

/// `model_flags` (--model and other names of it), --graph, --genotype, and the options that build a topology. `options`
/// must outlive `app`.
void add_topology_options(App& app, const std::string& model_flags, TopologyOptions& options);

}  // namespace tern::cli

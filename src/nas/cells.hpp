// What the network under search and the final one share: stem, preprocessing, joining of cells, skips, classifier. What
// is inside a cell comes from a callback.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "nas/pieces.hpp"
#include "tern/nas.hpp"

namespace tern::nas {

/// One cell under construction.
struct CellPlace {
  std::int64_t index = 0;
  bool reduction = false;
  std::int64_t channels = 1;                ///< C
  std::array<std::string, kInputs> inputs;  ///< the preprocessed ones, C channels each
  EdgePlace edge;                           ///< everything but input, prefix and stride is set

  /// The place of an operation that reads node `from`, whose name is `input`.
  EdgePlace at(int from, const std::string& input, const std::string& prefix) const;
};
/// Results of nodes 2..5; an empty name is zero.
using InnerBuilder = std::function<std::array<std::string, kInner>(const CellPlace&)>;

/// Space, template and quantizers filled in. Errors: ValueError, ShapeError on options that make no network.
CellOptions completed(CellOptions options);

/// `options` must be completed. `begin` may add nodes behind the input.
Graph build_cells(const CellOptions& options, bool searching, const std::function<void(Graph&)>& begin,
                  const InnerBuilder& inner);

}  // namespace tern::nas

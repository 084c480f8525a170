// The lists of candidate operations and search spaces.
#pragma once

#include "core/registry.hpp"
#include "tern/nas.hpp"

namespace tern::nas {

using CandidateRegistry = Registry<Candidate, &Candidate::key, &Candidate::build>;
CandidateRegistry& candidate_registry();
using SpaceRegistry = Registry<SearchSpace, &SearchSpace::key, &SearchSpace::ops>;
SpaceRegistry& space_registry();

}  // namespace tern::nas

// The lists of candidate operations and search spaces: the rows of the .def files first, then what programs register.
#include "nas/registry.hpp"

namespace tern::nas {

#define TERN_CANDIDATE(key, file, has_weights, help) std::string add_##key(const EdgePlace&);
#include "nas/candidates.def"
#undef TERN_CANDIDATE
#define TERN_SPACE(key) SearchSpace make_space_##key();
#include "nas/spaces.def"
#undef TERN_SPACE

CandidateRegistry& candidate_registry() {
  static CandidateRegistry r{
      {.what = "candidate operation", .adder = "register_candidate", .finder = "nas", .needs = "a builder"},
      {
#define TERN_CANDIDATE(key, file, has_weights, help) {#key, help, has_weights, add_##key},
#include "nas/candidates.def"
#undef TERN_CANDIDATE
      },
  };
  return r;
}

SpaceRegistry& space_registry() {
  static SpaceRegistry r{
      {.what = "search space", .adder = "register_space", .finder = "nas", .needs = "operations"},
      {
#define TERN_SPACE(key) make_space_##key(),
#include "nas/spaces.def"
#undef TERN_SPACE
      },
  };
  return r;
}

std::vector<Candidate> candidates() { return candidate_registry().list(); }
Candidate candidate(std::string_view key) { return candidate_registry().find(key); }
void register_candidate(Candidate added) { candidate_registry().add(std::move(added)); }

std::vector<SearchSpace> spaces() { return space_registry().list(); }
SearchSpace space(std::string_view key) { return space_registry().find(key); }
void register_space(SearchSpace added) {
  for (const std::string& op : added.ops) candidate_registry().find(op, "[register_space] " + added.key + ": ");
  space_registry().add(std::move(added));
}

}  // namespace tern::nas

// The lists of candidate operations and search spaces.
#include "core/printable.hpp"
#include "tern/error.hpp"
#include "tern/nas.hpp"

namespace tern::nas {

#define TERN_CANDIDATE(key, file, has_weights, help) std::string add_##key(const EdgePlace&);
#include "nas/candidates.def"
#undef TERN_CANDIDATE
#define TERN_SPACE(key) SearchSpace make_space_##key();
#include "nas/spaces.def"
#undef TERN_SPACE

namespace {

std::vector<Candidate>& candidate_rows() {
  static std::vector<Candidate> rows{
#define TERN_CANDIDATE(key, file, has_weights, help) {#key, help, has_weights, add_##key},
#include "nas/candidates.def"
#undef TERN_CANDIDATE
  };
  return rows;
}

std::vector<SearchSpace>& space_rows() {
  static std::vector<SearchSpace> rows{
#define TERN_SPACE(key) make_space_##key(),
#include "nas/spaces.def"
#undef TERN_SPACE
  };
  return rows;
}

template <class Rows>
auto& find(const Rows& rows, std::string_view key, const char* what) {
  std::string known;
  for (const auto& row : rows) {
    if (row.key == key) return row;
    known += (known.empty() ? "" : ", ") + row.key;
  }
  throw ValueError("[nas] unknown " + std::string(what) + " \"" + printable(key, 40) + "\"; known: " + known);
}

}  // namespace

const std::vector<Candidate>& candidates() { return candidate_rows(); }
const Candidate& candidate(std::string_view key) { return find(candidate_rows(), key, "candidate operation"); }

void register_candidate(Candidate added) {
  if (added.key.empty() || !added.build) throw ValueError("[nas] expected a candidate with a key and a builder");
  for (const Candidate& c : candidate_rows()) {
    if (c.key == added.key) throw ValueError("[nas] the candidate operation \"" + c.key + "\" exists already");
  }
  candidate_rows().push_back(std::move(added));
}

const std::vector<SearchSpace>& spaces() { return space_rows(); }

const SearchSpace& space(std::string_view key) { return find(space_rows(), key, "search space"); }

void register_space(SearchSpace added) {
  for (const SearchSpace& s : space_rows()) {
    if (s.key == added.key) throw ValueError("[nas] the search space \"" + s.key + "\" exists already");
  }
  if (added.ops.empty()) throw ValueError("[nas] expected a search space with operations");
  for (const std::string& op : added.ops) candidate(op);
  space_rows().push_back(std::move(added));
}

}  // namespace tern::nas

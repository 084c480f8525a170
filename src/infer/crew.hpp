// Who runs the tasks of a session: the caller alone, threads of its own, somebody's pool, or the process's threads.
#pragma once

#include <memory>

#include "core/team.hpp"
#include "tern/infer.hpp"

namespace tern::infer {

class Crew {
 public:
  explicit Crew(const Options& options);
  ~Crew();
  Crew(Crew&&) noexcept = default;

  /// How many tasks run at the same time at most.
  int size() const;
  /// Calls body(i) for each i in [0, tasks) and returns when all are done. Allocates nothing.
  /// Errors: what the task of lowest index threw.
  template <class F>
  void run(std::int64_t tasks, const F& body) {
    run_chunks(tasks, Chunks(body));
  }

 private:
  void run_chunks(std::int64_t tasks, Chunks body);

  Pool pool_;
  int threads_;  // of the pool; 0: the process's
  std::unique_ptr<Team> team_;
};

}  // namespace tern::infer

#include "infer/crew.hpp"

#include "tern/interrupt.hpp"
#include "tern/parallel.hpp"

namespace tern::infer {

Crew::Crew(const Options& options) : pool_(options.pool), threads_(options.threads) {
  if (!pool_.run && threads_ > 1) team_ = std::make_unique<Team>(threads_, false, "session");
}

Crew::~Crew() {
  if (team_ && team_->is_left_behind()) (void)team_.release();  // its threads are another process's
}

int Crew::size() const { return threads_ == 0 ? num_threads() : threads_; }

void Crew::run_chunks(std::int64_t tasks, Chunks body) {
  if (tasks > 1 && threads_ != 1 && !inside_job()) {
    if (pool_.run) {
      Job job(body);
      pool_.run(
          pool_.context, tasks, [](void* j, std::int64_t i) { static_cast<Job*>(j)->run(i); }, &job);
      return job.rethrow();
    }
    if (threads_ == 0) return parallel_for(tasks, [&body](std::int64_t i) { body(i); });
    if (!team_->is_left_behind()) return team_->run(tasks, body);
  }
  for (std::int64_t i = 0; i < tasks; ++i) {
    expect_no_interrupt();
    body(i);
  }
}

}  // namespace tern::infer

// The process's one team behind parallel_for. One job runs at a time; a second caller waits for its turn.
#include "tern/parallel.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/team.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"

namespace tern {
namespace {

constexpr const char* kWho = "set_num_threads";

class TeamHolder {
 public:
  std::shared_ptr<Team> get() {
    const std::lock_guard lock(mutex_);
    leave_behind();
    if (!team_) team_ = std::make_shared<Team>(threads_, true, kWho);
    return team_;
  }

  void resize(int threads) {
    const std::lock_guard lock(mutex_);
    leave_behind();
    if (!team_ || team_->size() != threads) team_ = std::make_shared<Team>(threads, false, kWho);
    threads_ = threads;
  }

  /// Joins the workers. Who still comes works alone.
  void close() {
    const std::lock_guard lock(mutex_);
    leave_behind();
    team_.reset();
    threads_ = 1;
  }

 private:
  // The workers of a process are not in one forked from it: whoever asks them to stop there waits for ever.
  void leave_behind() {
    if (!team_ || !team_->is_left_behind()) return;
    left_behind_.push_back(team_);
    team_.reset();
  }

  std::mutex mutex_;
  std::shared_ptr<Team> team_;
  int threads_ = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::shared_ptr<Team>> left_behind_;
};

// Never destroyed: static objects may use threads when they are destroyed themselves.
TeamHolder& holder() {
  static TeamHolder* const h = new TeamHolder;
  static const struct AtExit {
    ~AtExit() { h->close(); }
  } at_exit;
  return *h;
}

}  // namespace

int num_threads() { return holder().get()->size(); }

void set_num_threads(int n) {
  if (n < 1) throw ValueError("[set_num_threads] expected n >= 1; got " + std::to_string(n));
  holder().resize(n);
}

void parallel_for(std::int64_t chunks, const std::function<void(std::int64_t)>& body) {
  if (chunks <= 0) return;
  if (chunks > 1 && !inside_job()) {
    const std::shared_ptr<Team> team = holder().get();
    if (team->size() > 1) {
      team->run(chunks, Chunks(body));
      return;
    }
  }
  for (std::int64_t i = 0; i < chunks; ++i) {
    expect_no_interrupt();
    body(i);
  }
}

void parallel_ranges(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body) {
  const std::int64_t step = std::max<std::int64_t>(grain, 1);
  parallel_for((n + step - 1) / step, [&](std::int64_t i) { body(i * step, std::min(n, (i + 1) * step)); });
}

}  // namespace tern

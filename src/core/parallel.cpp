// The thread team behind parallel_for: workers take chunk indices from one atomic counter, and the caller works too.
// One job runs at a time; a second caller waits for its turn. Jobs of a network follow each other within microseconds,
// and waking a sleeping thread takes tens of them, so both sides look for a while before they sleep. A job ends when
// all its chunks are done: a worker that the system gave no core meanwhile joins no longer, and nobody waits for it.
#include "tern/parallel.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/interrupt.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"

namespace tern {
namespace {

thread_local bool inside_parallel_body = false;

constexpr int kLooksBeforeSleep = 4000;  // some 20 to 60 microseconds

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// True as soon as `condition` holds; false after looking for a while.
template <class F>
bool look_for(F&& condition) {
  for (int i = 0; i < kLooksBeforeSleep; ++i) {
    if (condition()) return true;
    relax();
  }
  return false;
}

class Team {
 public:
  /// Where the system gives fewer threads: a team of those if `fewer_will_do`, else Error.
  Team(int threads, bool fewer_will_do) {
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::exception& refusal) {
      if (fewer_will_do) return;
      stop_and_join();
      throw Error("[set_num_threads] expected " + std::to_string(threads) + " threads; got " + std::to_string(size()) +
                  ": " + refusal.what());
    }
  }

  ~Team() { stop_and_join(); }

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  void run(std::int64_t chunks, const std::function<void(std::int64_t)>& body) {
    const std::lock_guard one_job(job_mutex_);
    {
      const std::lock_guard lock(mutex_);
      body_ = &body;
      asked_ = asked_for_interrupts();
      chunks_ = chunks;
      next_ = 0;
      failed_chunk_ = std::numeric_limits<std::int64_t>::max();
      failure_ = nullptr;
      open_ = true;
      ++job_;
    }
    wake_.notify_all();
    take_chunks();
    {
      const std::lock_guard lock(mutex_);
      open_ = false;
    }
    look_for([this] { return helping_ == 0; });
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return helping_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void stop_and_join() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& w : workers_) w.join();
  }

  void take_chunks() {
    inside_parallel_body = true;
    const std::function<bool()>* const own = std::exchange(asked_for_interrupts(), asked_);
    for (std::int64_t i = next_++; i < chunks_; i = next_++) {
      try {
        expect_no_interrupt();
        (*body_)(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (i < failed_chunk_) {
          failed_chunk_ = i;
          failure_ = std::current_exception();
        }
      }
    }
    asked_for_interrupts() = own;
    inside_parallel_body = false;
  }

  void work() {
    std::uint64_t seen = 0;
    while (true) {
      look_for([&] { return stop_ || job_ != seen; });
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stop_ || job_ != seen; });
        if (stop_) return;
        seen = job_;
        if (!open_) continue;
        ++helping_;
      }
      take_chunks();
      {
        const std::lock_guard lock(mutex_);
        --helping_;
      }
      done_.notify_one();
    }
  }

  std::vector<std::thread> workers_;
  std::mutex job_mutex_, mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(std::int64_t)>* body_ = nullptr;
  const std::function<bool()>* asked_ = nullptr;
  std::int64_t chunks_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::int64_t failed_chunk_ = 0;
  std::exception_ptr failure_;
  bool open_ = false;            // workers may still join the job
  std::atomic<int> helping_{0};  // workers in the job; changed under mutex_, looked at without
  std::atomic<std::uint64_t> job_{0};
  std::atomic<bool> stop_{false};
};

// How many forks lie between this process and the one that used threads first.
std::atomic<std::uint64_t> forks{0};

class TeamHolder {
 public:
  std::shared_ptr<Team> get() {
    const std::lock_guard lock(mutex_);
    leave_behind();
    if (!team_) team_ = std::make_shared<Team>(threads_, true);
    return team_;
  }

  void resize(int threads) {
    const std::lock_guard lock(mutex_);
    leave_behind();
    if (!team_ || team_->size() != threads) team_ = std::make_shared<Team>(threads, false);
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
    if (forks == forks_seen_) return;
    if (team_) left_behind_.push_back(team_);
    team_.reset();
    forks_seen_ = forks;
  }

  std::mutex mutex_;
  std::shared_ptr<Team> team_;
  int threads_ = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::uint64_t forks_seen_ = 0;
  std::vector<std::shared_ptr<Team>> left_behind_;
};

// Never destroyed: static objects may use threads when they are destroyed themselves.
TeamHolder& holder() {
  static TeamHolder* const h = new TeamHolder;
  static const int told_of_forks = pthread_atfork(nullptr, nullptr, [] { ++forks; });
  static_cast<void>(told_of_forks);
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
  if (chunks > 1 && !inside_parallel_body) {
    const std::shared_ptr<Team> team = holder().get();
    if (team->size() > 1) {
      team->run(chunks, body);
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

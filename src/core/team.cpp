#include "core/team.hpp"

#include <pthread.h>
#include <signal.h>

#include <limits>
#include <string>
#include <utility>

#include "core/interrupt.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"

namespace tern {
namespace {

thread_local bool inside = false;

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

// Threads that are started while it lives take no signals: handlers run where the program expects them.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

std::uint64_t forks() {
  static std::atomic<std::uint64_t> count{0};
  static const int told = pthread_atfork(nullptr, nullptr, [] { ++count; });
  static_cast<void>(told);
  return count;
}

bool inside_job() { return inside; }

Job::Job(Chunks body)
    : body_(body), asked_(asked_for_interrupts()), failed_chunk_(std::numeric_limits<std::int64_t>::max()) {}

void Job::run(std::int64_t i) {
  const bool outer = std::exchange(inside, true);
  const std::function<bool()>* const own = std::exchange(asked_for_interrupts(), asked_);
  try {
    expect_no_interrupt();
    body_(i);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (i < failed_chunk_) {
      failed_chunk_ = i;
      failure_ = std::current_exception();
    }
  }
  asked_for_interrupts() = own;
  inside = outer;
}

void Job::rethrow() const {
  if (failure_) std::rethrow_exception(failure_);
}

Team::Team(int threads, bool fewer_will_do, const char* who) : forks_(forks()) {
  const NoSignals no_signals;
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::exception& refusal) {
    if (fewer_will_do) return;
    const int got = size();
    stop_and_join();
    throw Error("[" + std::string(who) + "] expected " + std::to_string(threads) + " threads; got " +
                std::to_string(got) + ": " + refusal.what());
  }
}

Team::~Team() { stop_and_join(); }

bool Team::is_left_behind() const { return forks_ != forks(); }

void Team::run(std::int64_t chunks, Chunks body) {
  Job job(body);
  const std::lock_guard one_job(job_mutex_);
  {
    const std::lock_guard lock(mutex_);
    job_ = &job;
    chunks_ = chunks;
    next_ = 0;
    open_ = true;
    ++jobs_;
  }
  wake_.notify_all();
  take_chunks();
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  look_for([this] { return helping_ == 0; });
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return helping_ == 0; });
  }
  job.rethrow();
}

void Team::stop_and_join() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& w : workers_) w.join();
}

void Team::take_chunks() {
  for (std::int64_t i = next_++; i < chunks_; i = next_++) job_->run(i);
}

void Team::work() {
  std::uint64_t seen = 0;
  while (true) {
    look_for([&] { return stop_ || jobs_ != seen; });
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || jobs_ != seen; });
      if (stop_) return;
      seen = jobs_;
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

}  // namespace tern

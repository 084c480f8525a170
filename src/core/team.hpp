// A team of threads that works through one job after the other. Workers take chunk indices from one atomic counter, and
// the caller works too. Jobs of a network follow each other within microseconds, and waking a sleeping thread takes
// tens of them, so both sides look for a while before they sleep. A job ends when all its chunks are done: a worker
// that the system gave no core meanwhile joins no longer, and nobody waits for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tern {

/// Something to call with a chunk's index. Owns nothing and allocates nothing: what it was made from must outlive it.
class Chunks {
 public:
  template <class F>
  explicit Chunks(const F& body)
      : call_([](const void* argument, std::int64_t i) { (*static_cast<const F*>(argument))(i); }), argument_(&body) {}
  void operator()(std::int64_t i) const { call_(argument_, i); }

 private:
  void (*call_)(const void* argument, std::int64_t i);
  const void* argument_;
};

/// One job as its threads see it: what the caller's thread would ask whether to give up, and the exception of the
/// lowest chunk that threw.
class Job {
 public:
  /// Called on the thread whose Interruptible counts.
  explicit Job(Chunks body);
  /// Runs a chunk, and keeps what it throws. On any thread, any number at a time.
  void run(std::int64_t i);
  /// After the last chunk.
  void rethrow() const;

 private:
  Chunks body_;
  const std::function<bool()>* asked_;
  std::mutex mutex_;
  std::int64_t failed_chunk_;
  std::exception_ptr failure_;
};

/// Whether this thread is inside a chunk of a job: what it starts runs inline.
bool inside_job();

class Team {
 public:
  /// Of so many threads, the caller included. The others take no signals. Where the system gives fewer: a team of those
  /// if `fewer_will_do`, else Error beginning with `who`.
  Team(int threads, bool fewer_will_do, const char* who);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }
  /// Whether this process was forked from the one that has the workers: then nobody may ask them for anything, not even
  /// to stop, and the team must never be destroyed.
  bool is_left_behind() const;
  /// Errors: what the chunk of lowest index threw.
  void run(std::int64_t chunks, Chunks body);

 private:
  void stop_and_join();
  void take_chunks();
  void work();

  std::vector<std::thread> workers_;
  std::uint64_t forks_;
  std::mutex job_mutex_, mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  std::int64_t chunks_ = 0;
  std::atomic<std::int64_t> next_{0};
  bool open_ = false;            // workers may still join the job
  std::atomic<int> helping_{0};  // workers in the job; changed under mutex_, looked at without
  std::atomic<std::uint64_t> jobs_{0};
  std::atomic<bool> stop_{false};
};

/// How many forks lie between this process and the one that used threads first.
std::uint64_t forks();

}  // namespace tern

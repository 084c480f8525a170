// What programs that embed libtern-infer rely on: who allocates, who starts threads, what can be stopped and shared.
#include <dirent.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "catch.hpp"
#include "child.hpp"
#include "core/team.hpp"
#include "examples.hpp"
#include "paths.hpp"
#include "requested_bytes.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"
#include "tern/tern.h"

using namespace tern;
using test::Builder;
using testing::requested_allocations;

namespace {

// A residual network whose steps are of every kind: coded and real layers, both plane layouts, sums, concatenation.
packed::Model network() {
  Builder b(5);
  const test::Attrs pad1{{"pad", "1"}}, half{{"pad", "1"}, {"stride", "2"}};
  std::string x = b.quantize(b.conv(b.input("3x24x24"), 16, 3, 3, {}, pad1), -1, 1);
  const std::string y = b.affine(b.conv(x, 16, 3, 3, {.max_code = 1, .scales = 2}, pad1));
  x = b.quantize(b.plain("add", {y, b.affine(x)}), -1, 1);
  x = b.conv(x, 32, 3, 3, {.max_code = 1, .lo = -1, .hi = 1}, pad1);
  x = b.plain("concat", {x, b.plain("channel_shuffle", {x}, {{"groups", "4"}})});
  x = b.conv(b.plain("max_pool", {x}, {{"kernel", "2"}}), 16, 3, 3, {.max_code = 2, .lo = -2, .hi = 2}, half);
  b.linear(b.plain("flatten", {x}), 10, {.max_code = 1});
  b.model.meta["class.3"] = "three";
  return b.model;
}

std::vector<std::uint8_t> noise(const packed::Model& model, std::int64_t n) {
  Rng rng(9);
  std::vector<std::uint8_t> out(
      static_cast<std::size_t>(n * Shape::parse(model.graph.nodes().front().text("shape")).numel()));
  for (auto& pixel : out) pixel = static_cast<std::uint8_t>(rng.next_u32());
  return out;
}

// Of this process, by name of a file below /proc/self/task/<id>.
std::vector<std::string> tasks() {
  std::vector<std::string> out;
  DIR* folder = opendir("/proc/self/task");
  REQUIRE(folder != nullptr);
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') out.emplace_back(entry->d_name);
  }
  closedir(folder);
  return out;
}

// A pool of one thread that takes the tasks from the last to the first.
struct BackwardPool {
  int jobs = 0;
  std::int64_t tasks = 0;
  static void run(void* self, std::int64_t n, void (*task)(void*, std::int64_t), void* argument) {
    auto& pool = *static_cast<BackwardPool*>(self);
    ++pool.jobs;
    pool.tasks += n;
    for (std::int64_t i = n - 1; i >= 0; --i) task(argument, i);
  }
};

struct CountingAllocator {
  std::size_t bytes = 0;
  int blocks = 0;
  static void* allocate(void* self, std::size_t bytes, std::size_t alignment) {
    auto& a = *static_cast<CountingAllocator*>(self);
    a.bytes += bytes;
    ++a.blocks;
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  static void release(void* self, void* memory, std::size_t bytes) {
    auto& a = *static_cast<CountingAllocator*>(self);
    a.bytes -= bytes;
    --a.blocks;
    std::free(memory);
  }
  infer::Allocator view() { return {allocate, release, this}; }
};

tern_model* load(const packed::Model& model, const tern_options& options) {
  const auto bytes = packed::encode(model);
  return tern_load_memory_with(bytes.data(), bytes.size(), &options);
}

}  // namespace

TEST_CASE("embedding: runs allocate nothing, whatever runs them") {
  const packed::Model model = network();
  constexpr std::int64_t kBatch = 27;  // groups on each of three threads, and a rest
  const auto images = noise(model, kBatch);
  std::vector<float> logits(kBatch * 10);
  std::vector<std::int32_t> classes(kBatch * 10);
  for (infer::Options how : infer::every_path()) {
    how.batch = kBatch;
    for (how.threads = 1; how.threads <= 3; how.threads += 2) {
      for (const bool pooled : {false, true}) {
        BackwardPool pool;
        if (pooled) how.pool = {BackwardPool::run, &pool};
        infer::Session s(model, how);
        how.pool = {};
        INFO(name_of(*how.isa) << " " << how.kernel << " threads " << how.threads << " pool " << pooled);
        const auto before = requested_allocations();
        for (const std::int64_t n : {std::int64_t{1}, kBatch}) {
          const auto some = std::span(images).first(static_cast<std::size_t>(n) * images.size() / kBatch);
          s.run(some, n, std::span(logits).first(static_cast<std::size_t>(n * 10)));
          s.predict(some, n, std::span(classes).first(static_cast<std::size_t>(n)));
          s.top(some, n, std::span(classes).first(static_cast<std::size_t>(n * 3)),
                std::span(logits).first(static_cast<std::size_t>(n * 3)));
        }
        CHECK(requested_allocations() == before);
      }
    }
  }
}

TEST_CASE("embedding: no operation allocates in a run") {
  for (const infer::PackedOp& op : infer::packed_ops()) {
    for (const Builder& b : test::examples(op.name)) {
      const packed::Model& model = b.model;
      const auto images = noise(model, 2);
      for (infer::Options how : infer::every_path()) {
        how.batch = 1;
        infer::Session s(model, how);
        std::vector<float> logits(static_cast<std::size_t>(2 * s.classes()));
        INFO(op.name << " " << name_of(*how.isa) << " " << how.kernel);
        const auto before = requested_allocations();
        s.run(images, 2, logits);
        CHECK(requested_allocations() == before);
      }
    }
  }
}

TEST_CASE("embedding: the C interface allocates nothing in a run") {
  const packed::Model model = network();
  const auto images = noise(model, 2);
  tern_model* net = load(model, TERN_OPTIONS);
  REQUIRE(net);
  std::vector<float> logits(20);
  std::vector<std::int32_t> classes(20);
  const auto before = requested_allocations();
  CHECK(tern_run(net, images.data(), 2, logits.data()) == TERN_OK);
  CHECK(tern_classify(net, images.data(), 2, classes.data()) == TERN_OK);
  CHECK(tern_top(net, images.data(), 2, 10, classes.data(), logits.data()) == TERN_OK);
  CHECK(tern_top(net, images.data(), 2, 3, classes.data(), nullptr) == TERN_OK);
  CHECK(requested_allocations() == before);
  tern_free(net);
}

TEST_CASE("embedding: sessions share the weights and have working memory of their own") {
  Builder b(3);
  std::string x = b.quantize(b.conv(b.input("3x16x16"), 64, 3, 3, {}, {{"pad", "1"}}), -1, 1);
  for (int i = 0; i < 3; ++i) x = b.conv(x, 128, 3, 3, {.max_code = 1, .lo = -1, .hi = 1}, {{"pad", "1"}});
  b.linear(b.plain("flatten", {b.plain("max_pool", {x}, {{"kernel", "8"}})}), 10, {.max_code = 1});
  const auto images = noise(b.model, 1);
  CountingAllocator memory;
  infer::Options how{.batch = 1, .memory = memory.view()};
  auto model = std::make_shared<const infer::Model>(b.model, how);
  const std::size_t each = model->working_bytes(how);
  CHECK(memory.bytes == 0);
  const auto want = infer::Session(model).run(images, 1);
  std::vector<infer::Session> sessions;
  constexpr std::size_t kSessions = 8;
  const auto before = testing::requested_bytes();
  for (std::size_t i = 1; i <= kSessions; ++i) {
    sessions.emplace_back(model, how);
    CHECK(memory.bytes == i * each);
  }
  // Beside it a session takes a few small objects, and not the 300,000 weights.
  CHECK((testing::requested_bytes() - before) / kSessions < 4096);
  model.reset();
  std::vector<std::vector<float>> got(kSessions);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kSessions; ++i) threads.emplace_back([&, i] { got[i] = sessions[i].run(images, 1); });
  for (auto& t : threads) t.join();
  for (const auto& g : got) CHECK(test::same_bits(g, want));
  sessions.clear();
  CHECK(memory.blocks == 0);
}

TEST_CASE("embedding: working bytes are known before, for every way") {
  const packed::Model model = network();
  for (infer::Options how : infer::every_path()) {
    for (const std::int64_t batch : {1, 2, 64}) {
      for (const int threads : {1, 3}) {
        CountingAllocator memory;
        how.threads = threads;
        how.batch = batch;
        how.memory = memory.view();
        const auto shared = std::make_shared<const infer::Model>(model, how);
        infer::Session s(shared, how);
        CHECK(memory.bytes == shared->working_bytes(how));
        const auto images = noise(model, 64);
        (void)s.run(images, 64);
        CHECK(memory.bytes == shared->working_bytes(how));
      }
    }
  }
}

TEST_CASE("embedding: an allocator that gives nothing, or something crooked") {
  const packed::Model model = network();
  infer::Options how;
  how.memory = {[](void*, std::size_t, std::size_t) -> void* { return nullptr; }, [](void*, void*, std::size_t) {}};
  CHECK_THROWS_AS(infer::Session(model, how), std::bad_alloc);
  how.memory.release = nullptr;
  CHECK_THROWS_AS(infer::Session(model, how), ValueError);
  tern_options o = TERN_OPTIONS;
  static int released = 0;
  static char block[1 << 22];
  o.allocate = [](void*, std::size_t, std::size_t) -> void* { return block + 1; };
  o.release = [](void*, void*, std::size_t) { ++released; };
  CHECK(load(model, o) == nullptr);
  CHECK(tern_last_status() == TERN_NO_MEMORY);
  CHECK(released == 1);
}

TEST_CASE("embedding: no thread is started unless asked for") {
  const packed::Model model = network();
  const auto bytes = packed::encode(model);
  const auto images = noise(model, 16);
  const int code = in_child([&] {  // where nobody has used threads yet
    std::vector<std::int32_t> classes(16);
    tern_model* net = tern_load_memory(bytes.data(), bytes.size());
    if (!net || tern_classify(net, images.data(), 16, classes.data()) != TERN_OK) _exit(2);
    (void)infer::Session(model).run(images, 16);
    BackwardPool pool;
    (void)infer::Session(model, {.threads = 4, .pool = {BackwardPool::run, &pool}}).run(images, 16);
    if (pool.jobs == 0) _exit(3);
    if (tasks().size() != 1) _exit(4);
    infer::Session three(model, {.threads = 3});
    if (tasks().size() != 3) _exit(5);
    tern_free(net);
    _exit(0);
  });
  CHECK(code == 0);
}

TEST_CASE("embedding: threads end with their session, and take no signals") {
  const packed::Model model = network();
  const auto before = tasks();
  {
    infer::Session s(model, {.threads = 3});
    (void)s.run(noise(model, 16), 16);
    CHECK(tasks().size() == before.size() + 2);
  }
  CHECK(tasks().size() == before.size());

  Team team(3, false, "test");  // what the session starts
  const auto caller = std::this_thread::get_id();
  std::atomic<int> looked{0}, open{0};
  for (int round = 0; round < 1000 && looked < 3; ++round) {
    const auto body = [&](std::int64_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (std::this_thread::get_id() == caller) return;
      sigset_t blocked;
      pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      ++looked;
      for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE})
        open += sigismember(&blocked, signal) == 0;
    };
    team.run(6, Chunks(body));
  }
  CHECK(looked >= 3);
  CHECK(open == 0);
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, nullptr, &own);
  CHECK(sigismember(&own, SIGTERM) == 0);
}

TEST_CASE("embedding: a forked process runs sessions of its parent, alone") {
  const packed::Model model = network();
  const auto images = noise(model, 4);
  auto s = std::make_unique<infer::Session>(model, infer::Options{.threads = 3});
  const auto want = s->run(images, 4);
  const int code = in_child([&] {
    const bool same = s->run(images, 4) == want;
    s.reset();
    _exit(same ? 0 : 2);
  });
  CHECK(code == 0);
  CHECK(s->run(images, 4) == want);
}

TEST_CASE("embedding: a lent pool gets the work, in any order, with the same bits") {
  const packed::Model model = network();
  const auto images = noise(model, 30);
  const auto want = infer::Session(model).run(images, 30);
  for (const std::int64_t batch : {0, 3, 30}) {
    BackwardPool pool;
    infer::Session s(model, {.threads = 3, .batch = batch, .pool = {BackwardPool::run, &pool}});
    CHECK(test::same_bits(s.run(images, 30), want));
    CHECK(pool.jobs > 0);
    CHECK(pool.tasks > pool.jobs);
  }
  CHECK_THROWS_AS(infer::Session(model, {.threads = 0, .pool = {BackwardPool::run, nullptr}}), ValueError);
}

TEST_CASE("embedding: a run is cancelled at the next step, and the model runs again") {
  const packed::Model model = network();
  const auto images = noise(model, 1);
  struct Patience {
    int asked = 0, most = 0;
  } patience;
  tern_options o = TERN_OPTIONS;
  o.context = &patience;
  o.cancel = [](void* p) {
    return static_cast<int>(++static_cast<Patience*>(p)->asked > static_cast<Patience*>(p)->most);
  };
  for (const int threads : {1, 3}) {
    o.threads = threads;
    tern_model* net = load(model, o);
    REQUIRE(net);
    std::int32_t found = -1;
    patience = {0, 1 << 30};
    CHECK(tern_classify(net, images.data(), 1, &found) == TERN_OK);
    const int questions = patience.asked;
    CHECK(questions > 3);
    for (const int most : {0, 1, 3}) {
      patience = {0, most};
      std::int32_t other = -1;
      CHECK(tern_classify(net, images.data(), 1, &other) == TERN_CANCELLED);
      CHECK(std::string(tern_error()) == "cancelled");
      CHECK(patience.asked <= most + 3);
    }
    patience = {0, 1 << 30};
    std::int32_t again = -1;
    CHECK(tern_classify(net, images.data(), 1, &again) == TERN_OK);
    CHECK(again == found);
    tern_free(net);
  }
  infer::Session s(model);
  const Interruptible scope([] { return true; });
  CHECK_THROWS_AS(s.run(images, 1), Interrupted);
}

TEST_CASE("embedding: loading allocates by nodes, not by weights") {
  const auto allocations = [](std::int64_t channels) {
    Builder b(3);
    std::string x = b.quantize(b.conv(b.input("3x8x8"), 16, 3, 3, {}), -1, 1);
    x = b.conv(x, channels, 3, 3, {.max_code = 1, .lo = -1, .hi = 1});
    b.linear(b.plain("flatten", {x}), 10, {});
    const auto bytes = packed::encode(b.model);
    const auto before = requested_allocations();
    const infer::Session s(packed::decode(bytes), {.isa = Isa::kReference});
    return requested_allocations() - before;
  };
  const auto few = allocations(16), many = allocations(256);  // 16 times the weights, 9 times the float weights
  CHECK(few > 0);
  CHECK(many < few + 100);
}

TEST_CASE("C interface: options say their size, and what this version does not know is refused") {
  const packed::Model model = network();
  const auto bytes = packed::encode(model);
  const auto refused = [&](const tern_options* o, const std::string& text) {
    CHECK(tern_load_memory_with(bytes.data(), bytes.size(), o) == nullptr);
    CHECK(tern_last_status() == TERN_BAD_ARGUMENT);
    INFO(tern_error());
    CHECK(std::string(tern_error()).find(text) != std::string::npos);
  };
  for (const std::size_t size : {std::size_t{0}, sizeof(tern_options) - 1, std::size_t{1} << 40}) {
    tern_options o = TERN_OPTIONS;
    o.size = size;
    refused(&o, "size = sizeof(tern_options)");
  }
  struct Later {
    tern_options known = TERN_OPTIONS;
    std::int64_t unknown = 0;
  } later;
  later.known.size = sizeof later;
  later.known.threads = 2;
  tern_model* net = tern_load_memory_with(bytes.data(), bytes.size(), &later.known);
  CHECK(net != nullptr);
  later.unknown = 1;
  refused(&later.known, "does not know");
  tern_options o = TERN_OPTIONS;
  o.threads = -1;
  refused(&o, "threads");
  o = TERN_OPTIONS;
  o.batch = -1;
  refused(&o, "batch");
  o = TERN_OPTIONS;
  o.reserved = 1;
  refused(&o, "reserved");
  o = TERN_OPTIONS;
  o.isa = "pentium";
  refused(&o, "pentium");
  CHECK(tern_session_new(net, &o) == nullptr);
  CHECK(std::string(tern_error()).find("no effect") != std::string::npos);
  tern_free(net);
  CHECK(tern_api_version() == TERN_API_VERSION);
}

TEST_CASE("C interface: sessions, classes by name, log, kinds of failure") {
  const packed::Model model = network();
  const auto images = noise(model, 3);
  std::vector<std::string> said;
  tern_options o = TERN_OPTIONS;
  o.context = &said;
  o.log = [](void* list, const char* text) { static_cast<std::vector<std::string>*>(list)->emplace_back(text); };
  tern_model* net = load(model, o);
  REQUIRE(net);
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("3x24x24") != std::string::npos);
  CHECK(tern_working_bytes(net, nullptr) > 0);
  CHECK(tern_working_bytes(nullptr, nullptr) == TERN_BAD_ARGUMENT);
  CHECK(std::string(tern_class_name(net, 3)) == "three");
  CHECK(std::string(tern_class_name(net, 4)).empty());
  CHECK(tern_class_name(net, 10) == nullptr);
  CHECK(said.size() == 2);
  CHECK(said.back() == tern_error());

  tern_session* other = tern_session_new(net, nullptr);
  REQUIRE(other);
  std::vector<float> logits(30), best(9);
  std::vector<std::int32_t> ranked(9);
  CHECK(tern_run(net, images.data(), 3, logits.data()) == TERN_OK);
  tern_free(net);
  CHECK(tern_top(other, images.data(), 3, 3, ranked.data(), best.data()) == TERN_OK);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto row = std::span(logits).subspan(10 * i, 10);
    CHECK(ranked[3 * i] == infer::arg_max(row));
    for (std::size_t k = 0; k < 3; ++k) {
      CHECK(best[3 * i + k] == row[static_cast<std::size_t>(ranked[3 * i + k])]);
      CHECK(std::count_if(row.begin(), row.end(), [&](float x) { return x > best[3 * i + k]; }) ==
            static_cast<std::ptrdiff_t>(k));
    }
  }
  for (const std::int64_t k : {0, 11, -1})
    CHECK(tern_top(other, images.data(), 3, k, ranked.data(), nullptr) == TERN_BAD_ARGUMENT);
  CHECK(tern_top(other, images.data(), 3, 3, nullptr, nullptr) == TERN_BAD_ARGUMENT);
  CHECK(tern_top(nullptr, images.data(), 3, 3, ranked.data(), nullptr) == TERN_BAD_ARGUMENT);
  tern_free(other);
  CHECK(tern_session_new(nullptr, nullptr) == nullptr);
  CHECK(tern_class_name(nullptr, 0) == nullptr);
  CHECK(tern_load("/nonexistent.tern") == nullptr);
  CHECK(tern_last_status() == TERN_IO);
  CHECK(tern_load_memory("junk", 4) == nullptr);
  CHECK(tern_last_status() == TERN_BAD_FILE);
}

TEST_CASE("embedding: the best classes, with ties and without numbers") {
  Builder b(1);
  const std::string image = b.input("1x1x6");
  b.plain("flatten", {image});
  b.model.graph = {};
  b.model.graph.add("input", {}, {{"shape", "6x1x1"}}, "image");
  b.model.graph.add("flatten", {"image"}, {}, "flat");
  infer::Session s(b.model);
  const std::vector<std::uint8_t> bytes{5, 9, 5, 200, 9, 0};
  std::vector<std::int32_t> best(6);
  s.top(bytes, 1, best);
  CHECK(best == std::vector<std::int32_t>{3, 1, 4, 0, 2, 5});
  best.resize(2);
  s.top(bytes, 1, best);
  CHECK(best == std::vector<std::int32_t>{3, 1});
  best.resize(7);
  CHECK_THROWS_AS(s.top(bytes, 1, best), ShapeError);
  CHECK_THROWS_AS(s.top(bytes, 1, {}), ShapeError);
}

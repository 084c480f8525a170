// Running packed models.
//
//   infer::Session net = infer::Session::load("net.tern");
//   std::vector<std::int32_t> classes = net.predict(images, n);          // n images, bytes, C H W each
//
// A model is a packed network, checked, planned (which kernel runs which node, in which layout) and with its weights
// laid out for these kernels. It never changes, and any number of sessions on any threads share it:
//
//   const auto model = infer::Model::load("net.tern");
//   infer::Session first(model), second(model);
//
// A session owns the memory of its runs. Results do not depend on the instruction set, the batch or the number of
// threads. Thread safety: one session, one thread at a time; different sessions are independent.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tern/cpu.hpp"
#include "tern/packed.hpp"
#include "tern/public.h"

namespace tern::infer {

/// Memory from the caller. Both functions or none; none: operator new.
struct TERN_PUBLIC Allocator {
  /// So many bytes at a multiple of `alignment`, a power of two; null if there are none, which throws std::bad_alloc.
  void* (*allocate)(void* context, std::size_t bytes, std::size_t alignment) = nullptr;
  void (*release)(void* context, void* memory, std::size_t bytes) = nullptr;
  void* context = nullptr;
};

/// Threads from the caller.
struct TERN_PUBLIC Pool {
  /// Calls task(argument, i) once for each i in [0, n), in any order, on any threads, and returns when all are done.
  /// Null: there is no pool. `task` throws nothing.
  void (*run)(void* context, std::int64_t n, void (*task)(void* argument, std::int64_t i), void* argument) = nullptr;
  void* context = nullptr;
};

/// Model looks at the first five, a session that shares a model at the others.
struct TERN_PUBLIC Options {
  /// Instruction set; empty: active_isa(). kReference runs every node with the plain definition, unfused.
  std::optional<Isa> isa = {};
  /// Threads that a run uses, the caller's included. 1: no thread is started. n > 1: the session starts n - 1, which
  /// take no signals and end with it; with a pool it starts none and cuts the work into n tasks. 0: those of
  /// parallel_for, num_threads() of tern/parallel.hpp.
  int threads = 1;
  /// Only kernels of this family where it can run: "reference", "kpacked", "bitsliced"; empty: the planner's choice, by
  /// the time that it predicts for each step and for the conversions between them.
  std::string kernel = {};
  /// Predict by what the kernels take here and now instead of by the built-in table; measured once a process and
  /// instruction set, for about a tenth of a second. Results are the same bits whatever is chosen.
  bool calibrate = false;
  /// Operations that one image may take, so that a small file cannot keep a machine busy for days; infinity: no limit.
  /// The default is more than a hundred times what any topology of tern takes at 224x224, and minutes to an hour on one
  /// core. Raise it for larger images than these.
  double max_work = 4e12;
  /// Told in a line each what a program may want to write down: what was loaded, and how it will run.
  std::function<void(std::string_view)> log = {};
  /// Images of a run for which the session makes its memory beforehand, after which runs allocate nothing: larger ones
  /// go piece by piece. 8 or more for each thread let small images share vectors. 0: memory grows with what is asked.
  std::int64_t batch = 0;
  Pool pool = {};
  /// Of the session's working memory: what grows with the images. (The model and its names are on the heap.)
  Allocator memory = {};
};

/// What Options::kernel may name besides nothing.
TERN_PUBLIC std::vector<std::string> kernel_families();

/// Every way of running a model on this machine: reference, and each other instruction set with the planner's choice
/// and with each family forced.
TERN_PUBLIC std::vector<Options> every_path();

/// What the planner's predictions are made of: nanoseconds for a unit of each kind of work, built in and measured here.
struct TERN_PUBLIC WorkRate {
  std::string kind, unit;  ///< "kKpackedWord" and what one unit is
  double built_in_ns = 0, measured_ns = 0;
};
/// Measures as Options::calibrate does.
TERN_PUBLIC std::vector<WorkRate> work_rates(Isa isa);

/// The result of one node, in the same dense layout whatever ran it: [N C H W] or [N K], row-major.
struct TERN_PUBLIC TapValue {
  const GraphNode& node;
  Shape shape;                         ///< with the batch in front
  std::span<const std::int8_t> codes;  ///< if the value is codes
  std::span<const float> floats;       ///< if the value is real
  float step = 0;                      ///< 0 for real values
  int lo = 0, hi = 0;
};
using Tap = std::function<void(const TapValue& value)>;

/// One row of the plan, in order of execution.
struct TERN_PUBLIC StepInfo {
  std::string nodes;      ///< "conv2+bn2+q2": the nodes that this step computes
  std::string kernel;     ///< "reference", "kpacked/avx512vpopcnt", ...
  std::string layout;     ///< of the result: "f32", "i8", "k-packed", "bit-sliced", "prepared" (for the next step only)
  std::int64_t macs = 0;  ///< for one image
  std::int64_t bytes = 0;        ///< of the result, for one image
  double predicted_seconds = 0;  ///< for one image on one thread
  std::string shape;  ///< of a square convolution, as tern/layer_bench.hpp names it: "64x56x128s2"; else empty
};

/// Time of one step.
struct TERN_PUBLIC StepTime {
  double median_seconds = 0, best_seconds = 0;  ///< for one image
};

/// Immutable. Thread safety: any.
class TERN_PUBLIC Model {
 public:
  /// Checks the whole model first: ops, keys, shapes, blobs, sums that could overflow, work.
  /// Errors: FormatError naming the node (and the file, if loaded from one); ValueError on options; IoError.
  static std::shared_ptr<const Model> load(const std::string& path, const Options& options = {});
  explicit Model(packed::Model model, const Options& options = {});
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const packed::Model& packed_model() const&;
  const packed::Model& packed_model() const&& = delete;
  Shape input_shape() const;     ///< C H W
  std::int64_t classes() const;  ///< numbers in one image's result
  /// meta["class.3"] of class 3; empty if the file does not name it. Errors: ValueError if there is no such class.
  const std::string& class_name(std::int64_t index) const&;
  std::string class_name(std::int64_t index) const&&;
  Isa isa() const;
  /// Bytes that a session with these options takes for its runs, all at its construction if options.batch > 0.
  /// Errors: as the session's.
  std::size_t working_bytes(const Options& options = {}) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

class TERN_PUBLIC Session {
 public:
  /// A session on a model of its own. Errors: those of Model, and of the other constructor.
  static Session load(const std::string& path, const Options& options = {});
  explicit Session(packed::Model model, const Options& options = {});
  /// Errors: ValueError on options or a null model; std::bad_alloc; Error if the system gives fewer threads.
  explicit Session(std::shared_ptr<const Model> model, const Options& options = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const packed::Model& model() const&;
  const packed::Model& model() const&& = delete;
  const std::shared_ptr<const Model>& shared_model() const&;
  std::shared_ptr<const Model> shared_model() &&;
  Shape input_shape() const;     ///< C H W
  std::int64_t classes() const;  ///< numbers in one image's result
  Isa isa() const;
  /// Of one image, or of each image in a batch of that many for each thread: small images share vectors there.
  std::vector<StepInfo> plan(std::int64_t batch = 1) const;
  std::size_t arena_bytes() const;  ///< of one image's values
  /// Runs the image (C x H x W bytes) at least `rounds` >= 1 times, on one thread, and times every step; rows as in
  /// plan(). Errors: ShapeError, ValueError.
  std::vector<StepTime> profile(std::span<const std::uint8_t> image, int rounds, double min_seconds = 0);

  /// images: n x C x H x W bytes. logits: n x classes().
  /// Asks before each step whether an Interruptible (tern/interrupt.hpp) of the calling thread wants to give up.
  /// Errors: ShapeError if a size does not fit; Interrupted.
  void run(std::span<const std::uint8_t> images, std::int64_t n, std::span<float> logits);
  std::vector<float> run(std::span<const std::uint8_t> images, std::int64_t n);
  /// Index of the largest logit of each image; the lowest index wins ties.
  std::vector<std::int32_t> predict(std::span<const std::uint8_t> images, std::int64_t n);
  void predict(std::span<const std::uint8_t> images, std::int64_t n, std::span<std::int32_t> classes);
  /// The best k classes of each image, the best first: n x k of them, and of their logits if that is not empty. The
  /// lowest index wins ties; NaN comes last. Errors: ShapeError if a size does not fit, or k is not among 1 ..
  /// classes().
  void top(std::span<const std::uint8_t> images, std::int64_t n, std::span<std::int32_t> classes,
           std::span<float> logits = {});

  /// Called in graph order for every node whose value exists in the plan (nodes inside a fused step have none; with
  /// kReference none is fused). While a tap is set, runs are slower. An empty function switches it off.
  void set_tap(Tap tap);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Index of the largest value; the lowest index wins ties, NaN never wins (0 if all are).
TERN_PUBLIC std::int32_t arg_max(std::span<const float> values);

}  // namespace tern::infer

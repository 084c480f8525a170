// Running packed models.
//
//   infer::Session net = infer::Session::load("net.tern");
//   std::vector<std::int32_t> classes = net.predict(images, n);          // n images, bytes, C H W each
//
// A session owns its model, its plan (which kernel runs which node, in which layout) and its memory. After the first
// run of a batch size nothing is allocated. Results do not depend on the instruction set, the batch or the number of
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

namespace tern::infer {

struct Options {
  /// Instruction set; empty: active_isa(). kReference runs every node with the plain definition, unfused.
  std::optional<Isa> isa = {};
  /// Threads used at most; 0: num_threads() of tern/parallel.hpp. Never more than that.
  int threads = 0;
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
};

/// What Options::kernel may name besides nothing.
std::vector<std::string> kernel_families();

/// Every way of running a model on this machine: reference, and each other instruction set with the planner's choice
/// and with each family forced.
std::vector<Options> every_path();

/// What the planner's predictions are made of: nanoseconds for a unit of each kind of work, built in and measured here.
struct WorkRate {
  std::string kind, unit;  ///< "kKpackedWord" and what one unit is
  double built_in_ns = 0, measured_ns = 0;
};
/// Measures as Options::calibrate does.
std::vector<WorkRate> work_rates(Isa isa);

/// The result of one node, in the same dense layout whatever ran it: [N C H W] or [N K], row-major.
struct TapValue {
  const GraphNode& node;
  Shape shape;                         ///< with the batch in front
  std::span<const std::int8_t> codes;  ///< if the value is codes
  std::span<const float> floats;       ///< if the value is real
  float step = 0;                      ///< 0 for real values
  int lo = 0, hi = 0;
};
using Tap = std::function<void(const TapValue& value)>;

/// One row of the plan, in order of execution.
struct StepInfo {
  std::string nodes;      ///< "conv2+bn2+q2": the nodes that this step computes
  std::string kernel;     ///< "reference", "kpacked/avx512vpopcnt", ...
  std::string layout;     ///< of the result: "f32", "i8", "k-packed", "bit-sliced", "prepared" (for the next step only)
  std::int64_t macs = 0;  ///< for one image
  std::int64_t bytes = 0;        ///< of the result, for one image
  double predicted_seconds = 0;  ///< for one image on one thread
  std::string shape;  ///< of a square convolution, as tern/layer_bench.hpp names it: "64x56x128s2"; else empty
};

/// Time of one step.
struct StepTime {
  double median_seconds = 0, best_seconds = 0;  ///< for one image
};

class Session {
 public:
  /// Checks the whole model first: ops, keys, shapes, blobs, sums that could overflow, work.
  /// Errors: FormatError naming the node (and the file, if loaded from one); ValueError on options; IoError.
  static Session load(const std::string& path, const Options& options = {});
  explicit Session(packed::Model model, const Options& options = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const packed::Model& model() const&;
  const packed::Model& model() const&& = delete;
  Shape input_shape() const;     ///< C H W
  std::int64_t classes() const;  ///< numbers in one image's result
  Isa isa() const;
  /// Of one image, or of each image in a batch of that many for each thread: small images share vectors there.
  std::vector<StepInfo> plan(std::int64_t batch = 1) const;
  std::size_t arena_bytes() const;  ///< working memory of one image
  /// Runs the image (C x H x W bytes) at least `rounds` >= 1 times, on one thread, and times every step; rows as in
  /// plan(). Errors: ShapeError, ValueError.
  std::vector<StepTime> profile(std::span<const std::uint8_t> image, int rounds, double min_seconds = 0);

  /// images: n x C x H x W bytes. logits: n x classes().
  /// Errors: ShapeError if a size does not fit.
  void run(std::span<const std::uint8_t> images, std::int64_t n, std::span<float> logits);
  std::vector<float> run(std::span<const std::uint8_t> images, std::int64_t n);
  /// Index of the largest logit of each image; the lowest index wins ties.
  std::vector<std::int32_t> predict(std::span<const std::uint8_t> images, std::int64_t n);

  /// Called in graph order for every node whose value exists in the plan (nodes inside a fused step have none; with
  /// kReference none is fused). While a tap is set, runs are slower. An empty function switches it off.
  void set_tap(Tap tap);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Index of the largest value; the lowest index wins ties, NaN never wins (0 if all are).
std::int32_t arg_max(std::span<const float> values);

}  // namespace tern::infer

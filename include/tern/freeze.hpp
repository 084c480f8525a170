// Freezing: weights that are trained onto the grid by freezing ever more of them, without a straight-through estimator.
// At any time most weights are constants at a level, the rest ordinary continuous weights.
//
//   rescale(network, RescaleGroups::kFilter);            // once: weights near the levels, batch norm takes s
//   Freezer freezer(network, *optimizer, make_freeze_policy(Spec::parse("rpr")), seed);
//   const FreezeSchedule schedule = FreezeSchedule::parse("paper");
//   for each epoch:
//     freezer.begin_epoch(epoch, schedule.at(epoch));    // a partition; then train with schedule.at(epoch).lr
//     before and after each step: freezer.before_step(..), freezer.after_step();      // for options of the policy
//   certify(network);                                    // every weight on a level
//
// A policy is independent of the quantizer: it decides which weights are relaxed, the layer's quantizer decides what
// the levels are. `grid` has fixed integer levels; any other weight quantizer may be used too, then nothing is rescaled
// and its learned steps keep training.
//
// Paper: Cavigelli, Benini, "RPR: Random partition relaxation for training binary and ternary weight neural networks",
// 2020. Results depend on values, seed and position in the run alone, never on the number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/levels.hpp"
#include "tern/nn.hpp"
#include "tern/optim.hpp"
#include "tern/public.h"
#include "tern/spec.hpp"

namespace tern {

// ---- step 1: rescale ----

/// s* = argmin_{s > 0} ||w - s Q_s(w)||, Q_s(w) = the level nearest to w / s.
struct TERN_PUBLIC ScaleFit {
  double scale = 1, error = 0;            ///< s* and ||w - s* Q(w)||
  double grid_scale = 1, grid_error = 0;  ///< the best of the grid search alone
};
/// Joint search: 1000 points, evenly spaced on [1e-6, max|w|] with both ends, then a one-dimensional downhill simplex
/// from the best (start s and 1.05 s; reflection 1, expansion 2, contraction and shrink 0.5; until the spread of s is
/// within 1e-4 s and that of the error within 1e-4 ||w||, at most 200 iterations). Zeros alone, or nothing: s = 1; no
/// weight above 1e-6: s = 1e-6.
/// Paper: Cavigelli, Benini, 2020, section III-B, equations 4 to 6.
/// Differs: equation 6 takes the level nearest to w, here it is that nearest to w / s: for a fixed Q the best s would
/// have a closed form, and all small weights the level 0. Where the simplex stops is not in the paper.
/// Errors: ValueError if a weight is not finite.
/// Cost: one sort of w and 1000 look-ups.
TERN_PUBLIC ScaleFit fit_scale(std::span<const float> w, const LevelSet& levels);

/// Which weights share an s: those of one filter (output channel), or all of a layer.
enum class RescaleGroups { kFilter, kLayer };

struct TERN_PUBLIC RescaleReport {
  struct Row {
    std::string layer;
    std::string folded_into;  ///< the batch norm; "" if the layer keeps s as its scale
    std::int64_t weights = 0, groups = 0;
    double smallest = 0, largest = 0;  ///< s
    double error = 0;                  ///< ||w - s Q(w)|| / ||w|| over the layer
    std::int64_t beyond = 0;           ///< weights with |w| > s max L, outside of the outermost levels
  };
  std::vector<Row> rows;
  std::int64_t weights = 0, groups = 0, beyond = 0;
  double seconds = 0;
};
/// Fits s for every layer whose quantizer has fixed levels, on all threads, and moves it into the network:
///   w <- w / s,  bias <- bias / s;   batch norm that alone reads the layer: mean <- mean / s,  var + eps <- (var +
///   eps) / s^2
/// so that evaluation with the unquantized weights stays as it was. (The paper divides var alone, which is the same
/// where var is far above eps, and not in a channel that is all but dead. var stays >= 0.) A layer that is read by
/// something else keeps w and gets s as its scale. Errors: ValueError naming the layer if a weight is not finite.
TERN_PUBLIC RescaleReport rescale(Network& network, RescaleGroups groups);

// ---- step 2: partitions ----

/// What a policy gets for one layer when a partition begins.
struct TERN_PUBLIC PartitionRequest {
  std::string layer;   ///< name of the node
  Tensor latent;       ///< float32, contiguous
  double relaxed = 0;  ///< share of relaxed elements: floor(relaxed * numel + 1e-6) of them
  std::int64_t epoch = 0;
  bool phase_begins = false;  ///< first partition with this share
  std::uint64_t seed = 0;
  std::int64_t part = 0;  ///< of the epoch: 0 .. partitions_per_epoch() - 1
};
/// floor(share * numel + 1e-6).
TERN_PUBLIC std::int64_t relaxed_count(double share, std::int64_t numel);

class TERN_PUBLIC FreezePolicy {
 public:
  virtual ~FreezePolicy() = default;
  /// Writes 1 (relaxed) or 0 (constrained) for every element of `mask`, which holds the previous partition (all 1
  /// before the first). Returns true if it drew a new one. A function of its arguments alone.
  virtual bool partition(const PartitionRequest& request, std::span<float> mask) const = 0;
  /// Whether the optimizer forgets a layer's moments when its partition is drawn anew.
  virtual bool clears_optimizer_state() const { return true; }
  /// Whether relaxed weights are kept within the outermost levels, |w| <= s max L, after every step, as
  /// BinaryConnect clips its latent weights (Courbariaux, Bengio, David, 2015, section 2.4). A weight that was
  /// relaxed is then rounded by half the distance of two levels at most, and the others have not learned to rely on one
  /// that is out of the levels' reach.
  virtual bool clips() const { return false; }
  /// How many partitions an epoch has, 1 .. 2^31 - 1, evenly spaced; the first begins with it. More than steps: one a
  /// step.
  virtual std::int64_t partitions_per_epoch() const { return 1; }
};

using FreezePolicyFactory = std::function<std::unique_ptr<FreezePolicy>(const Spec&)>;
/// A policy by name, with options: "rpr", "rpr:clip=1,partitions=4", "inq:clear_optimizer_state=0".
/// Errors: ValueError listing the known keys; those of Spec::completed() on bad options.
TERN_PUBLIC std::unique_ptr<FreezePolicy> make_freeze_policy(const Spec& spec);
TERN_PUBLIC std::vector<MethodInfo> freeze_policies();
/// Adds one from outside tern. The factory gets specs with a legal value for each of `options` and no other; without a
/// table it reads and checks them by itself. Errors: tern/registry.hpp.
TERN_PUBLIC void register_freeze_policy(const std::string& key, const std::string& help, OptionTable options,
                                        FreezePolicyFactory factory);
TERN_PUBLIC void register_freeze_policy(const std::string& key, const std::string& help, FreezePolicyFactory factory);

// ---- step 3: schedule ----

/// Phases of a freezing fraction each, and in them runs of epochs at one learning rate.
///
///   schedule = phase { "+" phase } | NAME        paper, small, auto, inq
///   phase    = FRACTION ":" run { "," run }      FRACTION: share of constrained weights, in [0, 1], rising
///   run      = EPOCHS "x" RATE                   27x1e-3
///            | "auto" EPOCHS "x" RATE            until the validation metric is stable, at most so many epochs
///
///   paper    0.9:27x1e-3,10x1e-4+0.95:10x1e-3,5x1e-4+0.975:..+0.9875:..+1:10x1e-3,10x1e-4,10x1e-5      (112 epochs)
class TERN_PUBLIC FreezeSchedule {
 public:
  struct Run {
    std::int64_t epochs = 0;  ///< the most, if until_stable
    double lr = 0;
    bool until_stable = false;
  };
  struct Phase {
    double fraction = 0;  ///< constrained
    double relaxed = 0;   ///< 1 - fraction as the literal: 0.1 for 0.9
    std::vector<Run> runs;
  };
  struct At {
    std::size_t phase = 0, run = 0;
    double fraction = 0, relaxed = 0, lr = 0;
    bool phase_begins = false;
    bool until_stable = false;
    std::int64_t epoch_in_run = 0;
  };

  /// Errors: ValueError naming the part that does not parse or is out of range, or listing the names.
  static FreezeSchedule parse(std::string_view text);
  static std::vector<RegistryInfo> names();

  const std::vector<Phase>& phases() const& { return phases_; }
  std::vector<Phase> phases() && { return std::move(phases_); }
  /// In the grammar above; parse() of it gives the same schedule.
  std::string str() const;
  bool has_auto() const;

  /// `ended`: lengths of the auto runs that are over, in order. Runs that are not count with their most epochs.
  /// Errors (at): ValueError if the epoch is past the end.
  std::int64_t epochs(std::span<const std::int64_t> ended = {}) const;
  At at(std::int64_t epoch, std::span<const std::int64_t> ended = {}) const;

  /// One line a phase, for people. `weight_lr`: the factor on the rate of the weights that freeze, told unless it is 1.
  std::vector<std::string> lines(double weight_lr = 1) const;
  /// Fraction and learning rate over epochs, as a drawing.
  std::string svg() const;

 private:
  std::vector<Phase> phases_;
};

/// True if the metric (larger is better, one value an epoch) has come to rest: none of the last 5 values is more than
/// 0.001 above the best before them.
TERN_PUBLIC bool is_stable(std::span<const double> metric);

// ---- all together ----

/// Whether every quantized weight is on a level.
struct TERN_PUBLIC Certificate {
  std::int64_t layers = 0, weights = 0;
  std::int64_t off = 0;    ///< weights that are not
  std::int64_t moved = 0;  ///< weights with another code than they were frozen with (Freezer::certify() alone looks)
  std::string first;       ///< the first of them: layer, index, value; "" if there is none
  bool holds() const { return off == 0 && moved == 0 && weights > 0; }
};
/// A weight is on a level if what training multiplies with is code * scale of the packed form, bit for bit, and so is
/// its latent value: equal to that product where the levels are fixed; where they are learned, equal to the latent
/// value of every weight of its filter with the same code, and 0 if that is 0.
TERN_PUBLIC Certificate certify(const Network& network);

/// Applies a policy to every layer with a weight quantizer: one mask a layer, shared by the layer (which weights are
/// relaxed) and the optimizer (which may move). Constrained latent weights are not touched, bit for bit.
class TERN_PUBLIC Freezer {
 public:
  /// Keeps references to both; the masks start as all relaxed.
  /// Errors: ValueError if no layer has a weight quantizer, or the policy's partitions_per_epoch() is out of range.
  Freezer(Network& network, Optimizer& optimizer, std::unique_ptr<FreezePolicy> policy, std::uint64_t seed);
  /// Ends the split of every layer and lifts the optimizer's masks.
  ~Freezer();
  /// Draws the epoch's first partition. With relaxed == 0, at the beginning of the phase, all latent weights are
  /// replaced by their levels once, and their codes are kept for certify(). Errors: ValueError if the policy wrote
  /// something else than 0 and 1, or left a weight relaxed with relaxed == 0; that of check_levels().
  void begin_epoch(std::int64_t epoch, const FreezeSchedule::At& at);
  /// Before the forward pass of every step: draws a partition where one begins within the epoch, which is where
  /// floor(step * n / steps_per_epoch) grows, n = partitions_per_epoch(). Does nothing with relaxed == 0.
  void before_step(std::int64_t epoch, std::int64_t step, std::int64_t steps_per_epoch, const FreezeSchedule::At& at);
  /// After every step of the optimizer: clips the relaxed weights if the policy asks for it.
  void after_step();
  /// Whether the weights could be put on their levels now, which changes nothing. Call it when the quantizers are set
  /// up. Errors: ValueError naming the layer if its quantizer gives weights on its levels other codes, as sttn does, or
  /// derives its levels from the weights every epoch, as heq does; or if the policy clips and the levels are not fixed.
  void check_levels() const;
  /// tern::certify() of the network, and that every weight has the code that it was frozen with.
  Certificate certify() const;

  std::int64_t weights() const;  ///< under the policy
  std::int64_t relaxed() const;  ///< of these, now
  /// What a checkpoint in the middle of an epoch needs: the masks as "<layer>.relaxed", and once weights are on their
  /// levels the codes as "<layer>.codes". Copy saved values into them.
  std::vector<NamedTensor> state() const;
  /// From now on certify() expects the codes that the weights have now, and state() holds them.
  void keep_codes();
  /// The first layer whose mask holds something else than 0 and 1; "" if there is none.
  std::string bad_mask() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tern

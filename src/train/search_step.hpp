// What an architecture search does with two batches: one step of alpha, then one of the weights.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tern/data.hpp"
#include "tern/nas.hpp"
#include "tern/optim.hpp"
#include "tern/search.hpp"
#include "train/run.hpp"

namespace tern {

/// A batch as tensors: images (N, C, H, W) and labels (N).
struct LabelledImages {
  explicit LabelledImages(const Batch& batch);
  Tensor images, labels;
  std::vector<std::int64_t> plain_labels;
};

/// A supernet with the optimizer of its weights, SGD, and that of alpha, Adam: the two levels of
///   min over alpha of L_val(w*(alpha), alpha) + penalties(alpha),  w*(alpha) = argmin over w of L_train(w, alpha)
/// in alternating steps, of first or second order (nas::first_order_gradient, nas::second_order_gradient). The
/// penalties are the entropy of the mixture, faded out over the epochs, and what expected bytes or multiplications
/// exceed their limits by. Errors: as nas::Supernet for options that make no network; Diverged for a loss that is not
/// finite.
class SearchStep {
 public:
  SearchStep(const SearchConfig& config, const nas::CellOptions& options);

  nas::Supernet& net() { return *net_; }

  /// The learning rate of the weights.
  double lr(const Position& where) const { return schedule_->lr(where); }
  /// Loss and correct images are those of the weights.
  StepResult run(const LabelledImages& train, const LabelledImages& validation, const Position& where);

  struct Cost {
    double step_seconds = 0, image_seconds = 0;  // of a training step; of evaluating one image
    std::int64_t peak_bytes = 0;                 // of tensors
  };
  /// Times a few steps without their updates; nothing is changed by it.
  Cost measure(const LabelledImages& images, const Position& where);

  /// Tensors of a checkpoint, the graph, and the place in the stream of random numbers that paths=one draws from.
  Checkpoint state();
  /// What state() gave. Errors: FormatError.
  void restore(const Checkpoint& checkpoint, const std::string& file);

 private:
  std::vector<NamedTensor> network_state() const;
  std::vector<NamedTensor> optimizer_state() const;
  struct Limit {
    nas::CostTable table;
    double limit;
  };
  void make_optimizers();
  void make_limits();
  void draw_paths();
  Tensor alpha_loss(const LabelledImages& batch, const Position& where) const;
  void alpha_gradient(const LabelledImages& train, const LabelledImages& validation, const Position& where, double lr);
  StepResult weight_gradient(const LabelledImages& batch);
  std::vector<Tensor> weight_tensors() const;

  SearchConfig config_;
  std::unique_ptr<nas::Supernet> net_;
  std::unique_ptr<Optimizer> sgd_, adam_;
  std::unique_ptr<Schedule> schedule_;
  nas::InnerProblem problem_;
  std::vector<Limit> limits_;
  std::int64_t order_ = 1;
  double lambda_ = 0;
  Rng drawn_;
};

}  // namespace tern

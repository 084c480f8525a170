// Values of nodes for a tap: collected image by image, and told of the whole batch at once.
#pragma once

#include <map>
#include <vector>

#include "infer/model_impl.hpp"

namespace tern::infer {

class Taps {
 public:
  explicit Taps(const Model::Impl& model) : model_(model) {}
  void set(Tap tap);
  bool is_set() const { return static_cast<bool>(tap_); }
  /// For a batch of n images.
  void prepare(i64 n);
  /// The value in buffer `id`, of image number `index` of the batch.
  void record(const Plan& by, Workspace& w, BufferId id, i64 index);
  void report(i64 n);

 private:
  const Model::Impl& model_;
  Tap tap_;
  // Results of every node of the whole batch: one node's values after the other.
  std::map<std::size_t, std::vector<float>> floats_;
  std::map<std::size_t, std::vector<std::int8_t>> codes_;
};

}  // namespace tern::infer

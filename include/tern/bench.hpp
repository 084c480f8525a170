// Measuring speed. Candidates run alternately in one process, so that a noisy machine hits them alike; medians count.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tern/data.hpp"
#include "tern/infer.hpp"
#include "tern/nn.hpp"
#include "tern/public.h"

namespace tern {

struct TERN_PUBLIC Timing {
  double median_seconds = 0;
  double best_seconds = 0;
  int runs = 0;
};

/// Runs the candidates in turn, at least `min_rounds` rounds and until `seconds` have passed, after one round to warm
/// up.
TERN_PUBLIC std::vector<Timing> time_alternately(const std::vector<std::function<void()>>& candidates, double seconds,
                                                 int min_rounds = 5);

/// A network that was never trained: random weights, quantizers and batch norms that have seen one batch of random
/// images, in evaluation mode. For measuring topologies. Errors: those of Network.
TERN_PUBLIC Network fresh_network(Graph graph);
/// `count` images of random bytes in the shape C H W.
TERN_PUBLIC Images random_images(const Shape& shape, std::int64_t count);

/// Images per second of a network's float evaluation, if there is one, and of a packed one, on the same images.
struct TERN_PUBLIC ModelSpeed {
  std::int64_t batch = 0;
  int threads = 0;
  double float_images_per_second = 0;  ///< medians
  double packed_images_per_second = 0;
  double best_float_images_per_second = 0,
         best_packed_images_per_second = 0;  ///< fastest round: what a busy machine lets through
  double ratio() const { return packed_images_per_second / float_images_per_second; }
};
/// `network`: of the session's input shape, or null. Errors: ValueError if there are fewer than `batch` images.
TERN_PUBLIC ModelSpeed measure_speed(Network* network, infer::Session& session, const Images& images,
                                     std::int64_t batch, double seconds);

/// Time of a training step of a topology on random images, by phase; medians over the steps.
struct TERN_PUBLIC TrainSpeed {
  std::int64_t batch = 0;
  int threads = 0;
  int steps = 0;
  double data_seconds = 0, forward_seconds = 0, backward_seconds = 0, update_seconds = 0;
  double step_seconds = 0;   ///< median of the whole step
  double gmacs_forward = 0;  ///< of one step, in 1e9 multiply-accumulates
  double peak_mib = 0;       ///< of tensors
  double images_per_second() const { return static_cast<double>(batch) / step_seconds; }
};
/// SGD with momentum on batches of random bytes, augmented by `augment`, as a training run does it.
TERN_PUBLIC TrainSpeed measure_training(Graph graph, std::int64_t batch, int steps,
                                        const std::string& augment = "pad=4,flip");

}  // namespace tern

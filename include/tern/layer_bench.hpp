// Timing one convolution layer: every kernel family that can run it, and whatever else the caller brings, in turns
// within one process, so that a slow spell of the machine hits all of them.
//
//   auto rows = infer::time_layer({.channels = 128, .outputs = 128}, active_isa());
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tern/cpu.hpp"
#include "tern/public.h"

namespace tern::infer {

/// One convolution on codes with random weights, square image and kernel, batch 1.
struct TERN_PUBLIC LayerProblem {
  std::int64_t channels = 64, outputs = 64, size = 56, kernel = 3, stride = 1, pad = 1, dilation = 1;
  int lo = -1, hi = 1;       ///< codes of the input and of the output
  int max_weight = 1;        ///< weight codes are in -max_weight .. max_weight
  double nonzero = 2.0 / 3;  ///< share of weights that are not 0

  std::int64_t out_size() const { return (size + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1; }
  /// Multiply-accumulates, zero weights counted.
  std::int64_t macs() const { return outputs * channels * kernel * kernel * out_size() * out_size(); }
};
/// The seven 3x3 convolutions of FATNN's speed tables: 64 channels at 28, 56, 112 and 224, and 128, 256 and 512 at 56.
TERN_PUBLIC std::vector<LayerProblem> standard_layers();
/// Small and odd ones: 14x14x256, 7x7x512, 1x1 and 5x5 kernels, stride 2, dilation 2, 36 channels.
TERN_PUBLIC std::vector<LayerProblem> odd_layers();
/// "64x56", "64x56x128", then any of "k5", "s2", "p2", "d2": input channels x image size [x output channels], kernel 3,
/// stride 1, dilation 1 and the padding that keeps the size unless told otherwise. Errors: ValueError.
TERN_PUBLIC LayerProblem parse_layer(const std::string& text);
/// The inverse of parse_layer(); codes and weights are not part of it.
TERN_PUBLIC std::string name_of(const LayerProblem& problem);

/// One way of computing a layer. Both calls own what they work on.
struct TERN_PUBLIC Contender {
  std::string kernel;          ///< "kpacked/avx512vpopcnt", ...
  std::function<void()> pack;  ///< dense input to what run() reads; empty: run() reads the dense input
  std::function<void()> run;   ///< planes in, planes out, thresholds included
  double ceiling_us = 0;       ///< time of its arithmetic alone at the speed measured here; 0: not known
};
/// Every kernel family of `isa` that can run the problem.
/// Errors: ValueError on a problem that makes no sense; as set_active_isa() on `isa`.
TERN_PUBLIC std::vector<Contender> layer_contenders(const LayerProblem& problem, Isa isa);
/// FATNN's interleaved two-bit codes (section 3.3 of its paper): "codec-D/..", which derives the mask of
/// nonzero weights in the loop, and "codec-P/..", which loads it. For ternary codes and weights and 8 k outputs, else
/// none. Errors: those of layer_contenders().
TERN_PUBLIC std::vector<Contender> codec_contenders(const LayerProblem& problem, Isa isa);

struct TERN_PUBLIC LayerTiming {
  std::string kernel;
  double median_us = 0, best_us = 0;  ///< of run()
  double pack_median_us = 0;          ///< of pack(), to be added if the input comes unpacked
  double ceiling_us = 0;              ///< as in Contender
};
/// Runs the contenders in turns on the calling thread, after one turn to warm up.
/// `rounds` >= 1: at least that many turns, more while `min_seconds` have not passed. Errors: ValueError.
TERN_PUBLIC std::vector<LayerTiming> race(const std::vector<Contender>& contenders, int rounds = 5,
                                          double min_seconds = 0.5);

/// race(layer_contenders(problem, isa), ..).
TERN_PUBLIC std::vector<LayerTiming> time_layer(const LayerProblem& problem, Isa isa, int rounds = 5,
                                                double min_seconds = 0.5);

}  // namespace tern::infer

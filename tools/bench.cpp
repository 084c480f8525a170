// tern bench: measured speed. Candidates alternate in one process; medians.
#include "tern/bench.hpp"

#include <fmt/core.h>

#include "bench_layers.hpp"
#include "bench_model.hpp"
#include "console.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/parallel.hpp"
#include "topology.hpp"

namespace tern::cli {
namespace {

struct TrainOptions {
  Common common;
  TopologyOptions topology;
  std::int64_t batch = 128;
  int steps = 20;
};

void bench_train(const TrainOptions& o) {
  const TrainSpeed s = measure_training(o.topology.build_graph(), o.batch, o.steps);
  // A backward pass multiplies twice what the forward pass does.
  const double forward = s.gmacs_forward / s.forward_seconds, backward = 2 * s.gmacs_forward / s.backward_seconds;
  if (o.common.json) {
    print_json({{"model", o.topology.name()},
                {"weights", o.topology.build.weights},
                {"acts", o.topology.build.acts},
                {"batch", s.batch},
                {"threads", s.threads},
                {"steps", s.steps},
                {"images_per_second", s.images_per_second()},
                {"step_seconds", s.step_seconds},
                {"data_seconds", s.data_seconds},
                {"forward_seconds", s.forward_seconds},
                {"backward_seconds", s.backward_seconds},
                {"update_seconds", s.update_seconds},
                {"forward_gmacs_per_second", forward},
                {"backward_gmacs_per_second", backward},
                {"peak_mib", s.peak_mib}});
    return;
  }
  const auto row = [](const char* name, double seconds, double rate) {
    return std::vector<std::string>{name, fmt::format("{:.2f}", 1e3 * seconds),
                                    rate > 0 ? fmt::format("{:.1f}", rate) : ""};
  };
  print_out("{} batch {}, {} threads: {:.0f} img/s, peak {:.0f} MiB, medians of {} steps\n{}", o.topology.name(),
            s.batch, s.threads, s.images_per_second(), s.peak_mib, s.steps,
            table({"phase", "ms", "GMAC/s"},
                  {row("data", s.data_seconds, 0), row("forward", s.forward_seconds, forward),
                   row("backward", s.backward_seconds, backward), row("update", s.update_seconds, 0),
                   row("step", s.step_seconds, 3 * s.gmacs_forward / s.step_seconds)}));
}

struct RescaleOptions {
  Common common;
  TopologyOptions topology;
  std::string groups = "filter";
};

void bench_rescale(const RescaleOptions& o) {
  const std::string model = o.topology.name(), &weights = o.topology.build.weights;
  if (o.groups != "filter" && o.groups != "layer") throw ValidationError("--groups", "expected filter or layer");
  Network network(o.topology.build_graph(), 1);
  const RescaleReport r = rescale(network, o.groups == "filter" ? RescaleGroups::kFilter : RescaleGroups::kLayer);
  if (r.rows.empty()) {
    throw ValidationError("--weights", "expected a quantizer with fixed levels, such as grid; no layer of " + model +
                                           " has them with " + weights);
  }
  if (o.common.json) {
    print_json({{"model", model},
                {"weights", weights},
                {"layers", r.rows.size()},
                {"groups", r.groups},
                {"numbers", r.weights},
                {"threads", num_threads()},
                {"seconds", r.seconds}});
    return;
  }
  print_out("{}, {}: {} layers, {} groups, {} weights rescaled in {:.2f} s on {} threads\n", model, weights,
            r.rows.size(), r.groups, r.weights, r.seconds, num_threads());
}

}  // namespace

void add_bench(App& app) {
  App* bench = app.add_subcommand("bench", "Measure speed");
  bench->require_subcommand(1);
  add_bench_model(*bench);
  add_bench_layers(*bench);

  auto t = std::make_shared<TrainOptions>();
  App* training = bench->add_subcommand("train", "Images/s and GMAC/s of a training step, by phase");
  add_topology_options(*training, "MODEL,--model", t->topology);
  training->add_option("--batch", t->batch, "Images a step")->check(Range(1, 100000))->capture_default_str();
  training->add_option("--steps", t->steps, "Steps to measure")->check(Range(1, 100000))->capture_default_str();
  training->examples({"tern bench train resnet20 --weights twn --acts ternary --batch 128"});
  add_common(*training, t->common);
  training->callback([t] { bench_train(*t); });

  auto r = std::make_shared<RescaleOptions>();
  r->topology.build.weights = "grid:levels=ternary";
  r->topology.input = "3x224x224";
  App* scaling = bench->add_subcommand("rescale", "Time of fitting one scale a filter to the levels, before RPR");
  add_topology_options(*scaling, "MODEL,--model", r->topology);
  scaling->add_option("--groups", r->groups, "One scale a filter or a layer")->capture_default_str();
  scaling->examples({"tern bench rescale resnet18"});
  add_common(*scaling, r->common);
  scaling->callback([r, scaling] {
    scaling->refuse({"--acts"}, "has no effect: weights alone are rescaled");
    bench_rescale(*r);
  });
}

}  // namespace tern::cli

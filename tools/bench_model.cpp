// tern bench model: images/s of a packed network, and where one image's time goes, layer by layer, beside what floats
// and int8 take for the same layers. The network is a packed file, or a topology with random weights.
#include "bench_model.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <span>

#include "console.hpp"
#include "rivals.hpp"
#include "run_options.hpp"
#include "tern/bench.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"
#include "tern/layer_bench.hpp"
#include "tern/parallel.hpp"
#include "topology.hpp"

namespace tern::cli {
namespace {

struct BenchModelOptions {
  Common common;
  std::string file, run, save, kernel;
  TopologyOptions topology;
  double max_work = infer::Options().max_work;
  std::vector<std::int64_t> batches{1, 64};
  std::vector<int> threads{1, 2};
  double seconds = 1, layer_seconds = 0.2;
  int latency_runs = 0;
  bool calibrate = false;
};

// What is measured, and the floats that it is measured against, if there are any.
struct Subject {
  std::string name;
  packed::Model packed;
  std::optional<Network> floats;
};

Subject subject(const BenchModelOptions& o) {
  if (o.file.empty() == !o.topology.named()) {
    throw ValidationError("FILE", "expected a packed file, or a topology (--model, --graph or --genotype)");
  }
  if (!o.topology.named()) {
    if (!o.topology.given.empty()) {
      throw ValidationError(*o.topology.given.begin(), "has no effect on a packed file, which has its topology");
    }
    if (!o.save.empty()) throw ValidationError("--save", "needs a topology; \"" + o.file + "\" is packed already");
  }
  if (o.topology.named()) {
    if (!o.run.empty()) throw ValidationError("--run", "expected a packed file with it");
    Subject s{o.topology.name(), pack(fresh_network(o.topology.build_graph())), {}};
    if (o.topology.graph.empty()) {
      TopologyOptions twin = o.topology;
      twin.build.weights = twin.build.acts = o.topology.genotype.empty() ? "none" : "fp32";
      s.floats = fresh_network(twin.build_graph());
    }
    if (!o.save.empty()) packed::write(s.packed, o.save);
    return s;
  }
  expect_packed(o.file);
  Subject s{o.file, packed::read(o.file), {}};
  if (!o.run.empty()) s.floats = load_trained(o.run, "").network;
  return s;
}

std::string number(double value, const char* format = "{:.1f}") {
  return value > 0 ? fmt::format(fmt::runtime(format), value) : "";
}

struct Layer {
  infer::StepInfo step;
  double us = 0;
  std::map<std::string, double> rivals;  // median us by kernel
};

constexpr const char* kRivals[] = {"tern/fp32", "onednn/fp32", "onednn/int8"};

std::vector<Layer> profile(const BenchModelOptions& o, infer::Session& session, const Images& images) {
  Progress progress(o.common);
  progress.show("measuring steps", true);
  const std::vector<infer::StepInfo> plan = session.plan();
  const std::vector<infer::StepTime> times = session.profile(
      std::span(images.pixels).first(static_cast<std::size_t>(session.input_shape().numel())), 5, o.seconds);
  std::map<std::string, std::map<std::string, double>> known;
  std::vector<Layer> out;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    Layer layer{plan[i], times[i].median_seconds * 1e6, {}};
    const std::string& shape = plan[i].shape;
    if (!shape.empty() && o.layer_seconds > 0) {
      if (!known.contains(shape)) {
        progress.show("measuring " + shape, true);
        const infer::LayerProblem p = infer::parse_layer(shape);
        std::vector<infer::Contender> rivals = float_rivals(p);
        for (auto& c : onednn_rivals(p)) rivals.push_back(std::move(c));
        for (const infer::LayerTiming& t : infer::race(rivals, 5, o.layer_seconds))
          known[shape][t.kernel] = t.median_us;
      }
      layer.rivals = known[shape];
    }
    out.push_back(std::move(layer));
  }
  return out;
}

struct Latency {
  int threads = 1;
  double median_us = 0, p99_us = 0, worst_us = 0;
};

// Of single images, one after the other.
Latency latency(infer::Session& session, const Images& images, int runs) {
  using Clock = std::chrono::steady_clock;
  const auto size = static_cast<std::size_t>(session.input_shape().numel());
  const auto image = std::span<const std::uint8_t>(images.pixels).first(size);
  std::vector<float> logits(static_cast<std::size_t>(session.classes()));
  std::vector<double> us(static_cast<std::size_t>(runs));
  for (int i = 0; i < 10; ++i) session.run(image, 1, logits);
  for (double& t : us) {
    const auto begin = Clock::now();
    session.run(image, 1, logits);
    t = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  }
  std::sort(us.begin(), us.end());
  const auto at = [&](double share) {
    return us[static_cast<std::size_t>(share * static_cast<double>(us.size() - 1))];
  };
  return {num_threads(), at(0.5), at(0.99), us.back()};
}

void bench_model(const BenchModelOptions& o) {
  if (o.common.threads > 0) throw ValidationError("--threads", "give the numbers of threads to measure with as --at");
  const int threads_before = num_threads();
  set_num_threads(1);
  Subject s = subject(o);
  infer::Options how;
  how.threads = 0;
  how.kernel = o.kernel;
  how.calibrate = o.calibrate;
  how.max_work = o.max_work;
  infer::Session session(s.packed, how);
  const Images images = random_images(session.input_shape(), *std::max_element(o.batches.begin(), o.batches.end()));
  nlohmann::ordered_json speed = nlohmann::ordered_json::array(), steps = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> speed_rows, layer_rows;
  for (const int threads : o.threads) {
    set_num_threads(threads);
    for (const std::int64_t batch : o.batches) {
      Progress progress(o.common);
      progress.show(fmt::format("measuring batch {} on {} threads", batch, threads), true);
      const ModelSpeed m = measure_speed(s.floats ? &*s.floats : nullptr, session, images, batch, o.seconds);
      progress.clear();
      speed_rows.push_back({std::to_string(m.batch), std::to_string(m.threads), number(m.float_images_per_second),
                            number(m.packed_images_per_second), s.floats ? number(m.ratio(), "{:.2f}") : "",
                            number(m.best_float_images_per_second), number(m.best_packed_images_per_second)});
      nlohmann::ordered_json row{{"batch", m.batch},
                                 {"threads", m.threads},
                                 {"packed_images_per_second", m.packed_images_per_second},
                                 {"best_packed_images_per_second", m.best_packed_images_per_second}};
      if (s.floats)
        row["float_images_per_second"] = m.float_images_per_second,
        row["best_float_images_per_second"] = m.best_float_images_per_second, row["ratio"] = m.ratio();
      speed.push_back(std::move(row));
    }
  }
  nlohmann::ordered_json latencies = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> latency_rows;
  for (const int threads : o.threads) {
    if (o.latency_runs == 0) break;
    set_num_threads(threads);
    const Latency l = latency(session, images, o.latency_runs);
    latencies.push_back(
        {{"threads", l.threads}, {"median_us", l.median_us}, {"p99_us", l.p99_us}, {"worst_us", l.worst_us}});
    latency_rows.push_back({std::to_string(l.threads), number(l.median_us), number(l.p99_us), number(l.worst_us)});
  }
  set_num_threads(1);
  Layer total;
  total.step.nodes = "sum";
  std::vector<Layer> layers = profile(o, session, images);
  for (const Layer& layer : layers) {
    total.us += layer.us;
    total.step.predicted_seconds += layer.step.predicted_seconds;
    for (const auto& [name, us] : layer.rivals) total.rivals[name] += us;
  }
  layers.push_back(std::move(total));
  for (const Layer& layer : layers) {
    nlohmann::ordered_json row{{"nodes", layer.step.nodes},
                               {"shape", layer.step.shape},
                               {"kernel", layer.step.kernel},
                               {"layout", layer.step.layout},
                               {"predicted_us", layer.step.predicted_seconds * 1e6},
                               {"median_us", layer.us}};
    std::vector<std::string> cells{layer.step.nodes,
                                   layer.step.shape,
                                   layer.step.kernel,
                                   layer.step.layout,
                                   number(layer.step.predicted_seconds * 1e6),
                                   number(layer.us)};
    for (const char* rival : kRivals) {
      const auto it = layer.rivals.find(rival);
      const double us = it == layer.rivals.end() ? 0 : it->second;
      cells.push_back(number(us));
      if (us > 0) row[rival] = us;
    }
    layer_rows.push_back(std::move(cells));
    steps.push_back(std::move(row));
  }
  set_num_threads(threads_before);
  if (o.common.json) {
    print_json({{"model", s.name},
                {"isa", name_of(session.isa())},
                {"input", session.input_shape().str()},
                {"speed", speed},
                {"latency", latencies},
                {"steps", steps}});
    return;
  }
  print_out(
      "{} on {} images, {}; images/s, medians and best\n{}\nbatch 1, one thread, microseconds\n{}", s.name,
      session.input_shape().str(), name_of(session.isa()),
      table({"batch", "threads", "float path", "packed path", "ratio", "best float", "best packed"}, speed_rows),
      table({"layers", "shape", "kernel", "layout", "predicted", "median", "tern/fp32", "onednn/fp32", "onednn/int8"},
            layer_rows));
  if (o.latency_runs > 0) {
    print_out("{} runs of one image, microseconds\n{}", o.latency_runs,
              table({"threads", "median", "99 %", "worst"}, latency_rows));
  }
}

}  // namespace

void add_bench_model(App& bench) {
  auto o = std::make_shared<BenchModelOptions>();
  o->topology.build.weights = "twn";
  o->topology.build.acts = "ternary";
  App* verb = bench.add_subcommand(
      "model",
      "A whole packed network, a file or a topology with random weights: images/s, and time by layer beside "
      "floats (of a topology by name its fp32 twin) and int8");
  verb->add_option("FILE", o->file, "Packed file");
  verb->add_option("--run", o->run, "Run that the file came from: its float evaluation is measured too");
  add_topology_options(*verb, "--model,--topology", o->topology);
  verb->add_option("--save,--out,-o", o->save, "Write its packed file here");
  verb->add_option("--kernel", o->kernel, "Only this kernel family where it can run: reference, kpacked, bitsliced");
  verb->add_flag("--calibrate", o->calibrate, "Plan by kernels measured here instead of by the built-in table");
  verb->add_option("--batches", o->batches, "Batch sizes to measure")
      ->delimiter(',')
      ->check(Range(1, 100000))
      ->capture_default_str();
  verb->add_option("--at", o->threads, "Numbers of threads to measure with")
      ->delimiter(',')
      ->check(Range(1, 1024))
      ->capture_default_str();
  verb->add_option("--latency", o->latency_runs, "Runs of one image to tell median and 99 % of; 0: none")
      ->check(Range(0, 10000000))
      ->capture_default_str();
  verb->add_option("--seconds", o->seconds, "Time for each batch size and for the profile")
      ->check(PositiveNumber)
      ->capture_default_str();
  verb->add_option("--layer-seconds", o->layer_seconds, "Time for each shape's rivals; 0: do not measure them")
      ->check(NonNegativeNumber)
      ->capture_default_str();
  verb->examples({"tern bench model net.tern --run runs/first", "tern bench model --model resnet20 --batches 1,16",
                  "tern bench model --graph net.txt"});
  add_max_work(*verb, o->max_work);
  add_common(*verb, o->common);
  verb->callback([o] { bench_model(*o); });
}

}  // namespace tern::cli

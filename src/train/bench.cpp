#include "tern/bench.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"
#include "tern/optim.hpp"
#include "tern/parallel.hpp"
#include "train/internal.hpp"

namespace tern {

std::vector<Timing> time_alternately(const std::vector<std::function<void()>>& candidates, double seconds,
                                     int min_rounds) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); };
  for (const auto& run : candidates) run();
  std::vector<std::vector<double>> times(candidates.size());
  const auto start = Clock::now();
  for (int round = 0; round < min_rounds || since(start) < seconds; ++round) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto t = Clock::now();
      candidates[i]();
      times[i].push_back(since(t));
    }
  }
  std::vector<Timing> out;
  for (std::vector<double>& t : times) {
    std::sort(t.begin(), t.end());
    out.push_back({t[t.size() / 2], t.front(), static_cast<int>(t.size())});
  }
  return out;
}

Images random_images(const Shape& shape, std::int64_t count) {
  Images images;
  images.channels = static_cast<int>(shape[0]);
  images.height = static_cast<int>(shape[1]);
  images.width = static_cast<int>(shape[2]);
  images.labels.assign(static_cast<std::size_t>(count), 0);
  images.pixels.resize(static_cast<std::size_t>(count) * images.shape().numel());
  Rng rng(1);
  for (auto& p : images.pixels) p = static_cast<std::uint8_t>(rng.next_u32());
  return images;
}

Network fresh_network(Graph graph) {
  Network network(std::move(graph), 1);
  const Shape in = network.input_shape();
  const Tensor x = Tensor::empty(Shape{2, in[0], in[1], in[2]});
  Rng rng(2);
  for (float& v : x.span<float>()) v = rng.normal();
  const NoGrad off;
  network.set_training(true);
  network.init_quantizers(x);
  network.on_epoch_begin({});
  network.before_step({});
  network.forward(x);
  network.set_training(false);
  return network;
}

ModelSpeed measure_speed(Network* network, infer::Session& session, const Images& images, std::int64_t batch,
                         double seconds) {
  if (images.count() < batch) {
    throw ValueError("[measure_speed] expected at least " + std::to_string(batch) + " images; got " +
                     std::to_string(images.count()));
  }
  const Shape shape = session.input_shape();
  const auto size = static_cast<std::size_t>(shape.numel());
  const ImageShape image_shape{static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2])};
  // Both start from bytes; each round takes the next images of the set.
  std::int64_t at_float = 0, at_packed = 0;
  const auto next = [&](std::int64_t& at) {
    const std::int64_t first = at + batch > images.count() ? 0 : at;
    at = first + batch;
    return std::span(images.pixels)
        .subspan(static_cast<std::size_t>(first) * size, static_cast<std::size_t>(batch) * size);
  };
  std::vector<float> logits(static_cast<std::size_t>(batch * session.classes()));
  std::vector<std::function<void()>> candidates{[&] { session.run(next(at_packed), batch, logits); }};
  Tensor input;
  std::optional<Normalizer> normalizer;
  if (network) {
    network->set_training(false);
    network->set_fake_evaluation(!network->quantized());  // float layers at their fastest
    normalizer.emplace(normalizer_of(network->graph()));
    input = Tensor::empty(Shape{batch, shape[0], shape[1], shape[2]});
    candidates.push_back([&] {
      const auto pixels = next(at_float);
      parallel_for(batch, [&](std::int64_t i) {
        const auto k = static_cast<std::size_t>(i);
        normalizer->apply(pixels.subspan(k * size, size), image_shape, input.span<float>().subspan(k * size, size));
      });
      const NoGrad off;
      network->forward(input);
    });
  }
  const std::vector<Timing> t = time_alternately(candidates, seconds, 3);
  if (network) network->set_fake_evaluation(false);
  const auto rate = [&](double seconds_a_batch) { return static_cast<double>(batch) / seconds_a_batch; };
  return {batch,
          num_threads(),
          network ? rate(t[1].median_seconds) : 0,
          rate(t[0].median_seconds),
          network ? rate(t[1].best_seconds) : 0,
          rate(t[0].best_seconds)};
}

TrainSpeed measure_training(Graph graph, std::int64_t batch, int steps, const std::string& augment) {
  using Clock = std::chrono::steady_clock;
  if (batch < 1 || steps < 1) throw ValueError("[measure_training] expected batch and steps >= 1");
  Network network(std::move(graph), 1);
  Images images = random_images(network.input_shape(), batch * 4);
  Rng rng(1);
  for (std::int32_t& label : images.labels)
    label = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(network.output_shape().numel())));
  LoaderOptions loading;
  loading.batch_size = static_cast<int>(batch);
  loading.shuffle = true;
  loading.augment = Augment::parse(augment);
  BatchLoader loader(images, normalizer_of(network.graph()), loading);
  ParamGroup group{.name = "all", .params = {}, .lr_scale = 1, .weight_decay = 1e-4};
  for (const Parameter& p : network.parameters()) group.params.push_back({p.name, p.value});
  const auto optimizer = make_optimizer("sgd", {group});
  network.set_training(true);
  network.init_quantizers(calibration_images(network, images, batch));
  network.on_epoch_begin({});

  std::vector<double> phases[5];  // data, forward, backward, update, whole
  reset_peak_memory();
  std::int64_t epoch = 0;
  const int warm_up = 2;
  for (int step = -warm_up; step < steps; ++step) {
    Clock::time_point marks[5];
    marks[0] = Clock::now();
    Batch b;
    if (!loader.next(b)) {
      loader.start_epoch(++epoch);
      loader.next(b);
    }
    const Tensor x = batch_tensor(b);
    network.before_step({});
    marks[1] = Clock::now();
    const Tensor loss = cross_entropy(network.forward(x), Tensor::from(b.labels, Shape{b.size()}));
    marks[2] = Clock::now();
    optimizer->zero_grad();
    backward(loss);
    marks[3] = Clock::now();
    optimizer->step(1e-3);
    network.after_step();
    marks[4] = Clock::now();
    if (step < 0) continue;
    for (int k = 0; k < 4; ++k) phases[k].push_back(std::chrono::duration<double>(marks[k + 1] - marks[k]).count());
    phases[4].push_back(std::chrono::duration<double>(marks[4] - marks[0]).count());
  }
  const auto median = [](std::vector<double>& v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
  };
  TrainSpeed r;
  r.batch = batch;
  r.threads = num_threads();
  r.steps = steps;
  r.data_seconds = median(phases[0]);
  r.forward_seconds = median(phases[1]);
  r.backward_seconds = median(phases[2]);
  r.update_seconds = median(phases[3]);
  r.step_seconds = median(phases[4]);
  std::int64_t macs = 0;
  for (const LayerSummary& l : summarize(network)) macs += l.macs;
  r.gmacs_forward = static_cast<double>(macs * batch) / 1e9;
  r.peak_mib = static_cast<double>(memory_stats().peak_bytes) / (1024.0 * 1024.0);
  return r;
}

}  // namespace tern

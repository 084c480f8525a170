#include "tern/bench.hpp"

#include <algorithm>
#include <chrono>

#include "tern/error.hpp"
#include "tern/parallel.hpp"
#include "train/internal.hpp"

namespace tern {

std::vector<Timing> time_alternately(const std::vector<std::function<void()>>& candidates, double seconds, int min_rounds) {
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

ModelSpeed compare_speed(Network& network, infer::Session& session, const Images& images, std::int64_t batch, double seconds) {
  if (images.count() < batch) {
    throw ValueError("[compare_speed] expected at least " + std::to_string(batch) + " images; got " + std::to_string(images.count()));
  }
  network.set_training(false);
  const Shape shape = network.input_shape();
  const auto size = static_cast<std::size_t>(shape.numel());
  const Normalizer normalizer = normalizer_of(network.graph());
  const ImageShape image_shape{static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2])};
  // Both start from bytes; each round takes the next images of the set.
  std::int64_t at_float = 0, at_packed = 0;
  const auto next = [&](std::int64_t& at) {
    const std::int64_t first = at + batch > images.count() ? 0 : at;
    at = first + batch;
    return std::span(images.pixels).subspan(static_cast<std::size_t>(first) * size, static_cast<std::size_t>(batch) * size);
  };
  const Tensor input = Tensor::empty(Shape{batch, shape[0], shape[1], shape[2]});
  std::vector<float> logits(static_cast<std::size_t>(batch * session.classes()));
  const std::vector<Timing> t = time_alternately(
      {[&] {
         const auto pixels = next(at_float);
         parallel_for(batch, [&](std::int64_t i) {
           const auto k = static_cast<std::size_t>(i);
           normalizer.apply(pixels.subspan(k * size, size), image_shape, input.span<float>().subspan(k * size, size));
         });
         network.forward(input);
       },
       [&] { session.run(next(at_packed), batch, logits); }},
      seconds);
  const auto rate = [&](const Timing& x) { return static_cast<double>(batch) / x.median_seconds; };
  return {batch, num_threads(), rate(t[0]), rate(t[1])};
}

}  // namespace tern

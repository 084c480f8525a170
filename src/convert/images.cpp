// From images of a data set to what a network takes.
#include <algorithm>
#include <numeric>

#include "tern/convert.hpp"

namespace tern {

Normalizer normalizer_of(const Graph& graph) {
  const GraphNode& input = graph.nodes().front();
  const auto channels = static_cast<std::size_t>(Shape::parse(input.text("shape"))[0]);
  const std::vector<float> mean = input.has("mean") ? input.numbers("mean") : std::vector<float>(channels, 0.0f);
  const std::vector<float> std = input.has("std") ? input.numbers("std") : std::vector<float>(channels, 1.0f);
  return {mean, std};
}

Tensor batch_tensor(const Batch& batch) {
  return Tensor::from(batch.images, Shape{batch.size(), batch.shape.channels, batch.shape.height, batch.shape.width});
}

Images first_images(const Images& images, std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(count, images.count())));
  std::iota(indices.begin(), indices.end(), 0);
  return select_images(images, indices);
}

Images fit_images(Images images, const Shape& shape) {
  const ImageShape want{static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2])};
  return images.shape() == want ? std::move(images) : convert_images(images, want);
}

Tensor calibration_images(const Network& network, const Images& images, std::int64_t count) {
  const Images fitted = fit_images(first_images(images, count), network.input_shape());
  BatchLoader loader(fitted, normalizer_of(network.graph()),
                     {.batch_size = static_cast<int>(fitted.count()), .workers = 0});
  Batch batch;
  loader.next(batch);
  return batch_tensor(batch);
}

}  // namespace tern

// Evaluation: accuracy and loss of a network over a set of images.
#include <algorithm>
#include <chrono>

#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"
#include "tern/train.hpp"

namespace tern {

std::int64_t count_correct(const Tensor& logits, std::span<const std::int64_t> labels) {
  const std::int64_t classes = logits.size(1);
  const float* row = logits.data<float>();
  std::int64_t correct = 0;
  for (const std::int64_t label : labels) {
    correct += std::max_element(row, row + classes) - row == label;
    row += classes;
  }
  return correct;
}

EvalResult evaluate(Network& network, const Images& images, std::int64_t batch,
                    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  if (images.count() == 0) throw ValueError("[evaluate] expected images to test on; the data set has none");
  const auto start = std::chrono::steady_clock::now();
  network.set_training(false);
  LoaderOptions options;
  options.batch_size = static_cast<int>(std::min(batch, images.count()));
  BatchLoader loader(images, normalizer_of(network.graph()), options);
  EvalResult r;
  double loss_sum = 0;
  for (Batch b; loader.next(b);) {
    const Tensor logits = network.forward(batch_tensor(b));
    const NoGrad no_grad;
    loss_sum += cross_entropy(logits, Tensor::from(b.labels, Shape{b.size()})).item() * static_cast<double>(b.size());
    r.correct += count_correct(logits, b.labels);
    r.images += b.size();
    if (progress) progress(r.images, images.count());
  }
  r.loss = r.images ? loss_sum / static_cast<double>(r.images) : 0.0;
  r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return r;
}

}  // namespace tern

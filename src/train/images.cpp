// What a run asks of its images: enough of them in every part and in every batch.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "tern/error.hpp"
#include "train/internal.hpp"

namespace tern {

Split hold_out(const Images& images, double share, std::uint64_t seed, const std::string& verb) {
  Split parts = split_train_validation(images, share, seed);
  const std::int64_t held_out = parts.validation.count(), left = parts.train.count();
  if (held_out > 0 && left > 0) return parts;
  std::map<std::int32_t, std::int64_t> classes;
  for (const std::int32_t label : images.labels) ++classes[label];
  std::int64_t largest = 0;
  for (const auto& [label, count] : classes) largest = std::max(largest, count);
  if (largest < 2) {
    throw ValueError("[" + verb + "] validation holds out images of each class; expected a class with more than one");
  }
  const double one = 1 / static_cast<double>(largest);
  throw ValueError(fmt::format(
      "[{}] validation {:g} of {} images, at most {} of one class, holds out {}; expected a share in {:.2g} .. {:.6g}",
      verb, share, images.count(), largest, held_out == 0 ? "none" : "all", one, 1 - one));
}

void expect_batches(const Network& network, std::int64_t images, std::int64_t batch, const std::string& verb) {
  const Network::LeastBatch& least = network.least_batch();
  const std::int64_t full = std::min(batch, images), rest = images % full, smallest = rest > 0 ? rest : full;
  if (smallest >= least.images) return;
  throw ValueError(fmt::format(
      "[{}] node \"{}\" takes statistics over the images of a batch: expected at least {}; got {} images in batches of "
      "{}, the last of {}; choose another batch",
      verb, least.node, least.images, images, full, smallest));
}

}  // namespace tern

// rpr: every epoch a new partition; of each layer floor(r n + 1e-6) elements, drawn uniformly, are relaxed.
// partitions=N draws N in each epoch instead of one. Paper: Cavigelli, Benini, 2020, section III-A.
//
// The draw is R. Floyd's: k distinct indices below n in k random numbers, every subset equally likely (Bentley, Floyd,
// "A sample of brilliance", 1987). The stream of random numbers belongs to (seed, layer, epoch, part of it).
#include <algorithm>

#include "freeze/method.hpp"
#include "tern/rng.hpp"

namespace tern::freeze {
namespace {

/// The top byte keeps the streams of this room apart from those of others.
std::uint64_t partition_stream(const std::string& layer, std::int64_t epoch) {
  std::uint32_t h = 0x811c9dc5;  // FNV-1a
  for (const char c : layer) h = (h ^ static_cast<unsigned char>(c)) * 0x01000193;
  return (std::uint64_t{0xF1} << 56) | (static_cast<std::uint64_t>(h) << 24) |
         (static_cast<std::uint64_t>(epoch) & 0xffffff);
}

class RandomPartition final : public FreezePolicy {
 public:
  explicit RandomPartition(const Spec& spec)
      : clears_(spec.flag("clear_optimizer_state")),
        clips_(spec.flag("clip")),
        partitions_(spec.integer("partitions")) {}

  bool partition(const PartitionRequest& r, std::span<float> mask) const override {
    std::fill(mask.begin(), mask.end(), 0.0f);
    Rng rng(r.seed + static_cast<std::uint64_t>(r.part) * 0x9e3779b97f4a7c15, partition_stream(r.layer, r.epoch));
    const auto n = static_cast<std::int64_t>(mask.size());
    for (std::int64_t i = n - relaxed_count(r.relaxed, n); i < n; ++i) {
      const auto drawn = static_cast<std::size_t>(rng.below(static_cast<std::uint64_t>(i) + 1));
      mask[mask[drawn] == 0.0f ? drawn : static_cast<std::size_t>(i)] = 1.0f;
    }
    return true;
  }
  bool clears_optimizer_state() const override { return clears_; }
  bool clips() const override { return clips_; }
  std::int64_t partitions_per_epoch() const override { return partitions_; }

 private:
  bool clears_, clips_;
  std::int64_t partitions_;
};

}  // namespace

PolicyMethod policy_rpr() {
  return {{{"clear_optimizer_state", "1", "0|1", "forget a layer's moments when its partition changes"},
           {"clip", "0", "0|1", "keep relaxed weights within the outermost levels after every step"},
           {"partitions", "1", "1..2147483647", "an epoch, evenly spaced, at most one a step"}},
          make_policy<RandomPartition>};
}

}  // namespace tern::freeze

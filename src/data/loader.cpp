// BatchLoader: a ring of prefetch + 1 slots. Workers claim batch numbers in order, batch b always goes to slot
// b mod slots, and next() waits for its slot; the extra slot is the batch that the caller is looking at.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "core/aligned.hpp"
#include "data/streams.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"
#include "tern/rng.hpp"

namespace tern {
namespace {

// How often whoever waits for a batch asks whether to give up.
constexpr std::chrono::milliseconds kAskEvery{100};

struct Slot {
  AlignedVector<float> images;
  AlignedVector<std::int64_t> labels, indices;
  std::size_t size = 0;
  bool ready = false;
  std::exception_ptr failure;
};

/// Memory of one thread.
struct Scratch {
  std::vector<std::uint8_t> image;  ///< of those with a source
  Augment::Scratch augment;
};

void require(bool condition, const char* what, std::int64_t got) {
  if (!condition) throw ValueError(std::string("[batch_loader] expected ") + what + "; got " + std::to_string(got));
}

}  // namespace

struct BatchLoader::Impl {
  Impl(const Images& source, Normalizer norm, LoaderOptions o)
      : images(source), normalizer(std::move(norm)), options(std::move(o)) {
    require(images.count() > 0 && images.count() < data::kMaxImages, "1 to 2^32 - 1 images", images.count());
    require(options.batch_size >= 1, "batch_size >= 1", options.batch_size);
    require(options.workers >= 0 && options.workers <= 256, "0 to 256 workers", options.workers);
    require(options.prefetch >= 1 && options.prefetch <= 1024, "prefetch 1 to 1024", options.prefetch);
    if (!images.source && images.pixels.size() != images.labels.size() * images.shape().numel()) {
      throw ShapeError("[batch_loader] expected " + std::to_string(images.count()) + " images of " +
                       std::to_string(images.shape().numel()) + " pixels; got " + std::to_string(images.pixels.size()) +
                       " pixels in all");
    }
    if (normalizer.channels() != images.channels) {
      throw ShapeError("[batch_loader] expected a normaliser of " + std::to_string(images.channels) +
                       " channels; got " + std::to_string(normalizer.channels()));
    }
    options.batch_size = static_cast<int>(
        std::min<std::int64_t>(options.batch_size, options.drop_last ? options.batch_size : images.count()));
    served_shape = options.augment.output_shape(images.shape());
    order.resize(images.labels.size());
    batches = (images.count() + (options.drop_last ? 0 : options.batch_size - 1)) / options.batch_size;
    const int slot_count = options.workers == 0 ? 1 : options.prefetch + 1;
    slots.resize(static_cast<std::size_t>(std::min<std::int64_t>(slot_count, std::max<std::int64_t>(batches, 1) + 1)));
    for (Slot& s : slots) {
      const auto n = static_cast<std::size_t>(std::min<std::int64_t>(options.batch_size, images.count()));
      s.images.resize(n * served_shape.numel());
      s.labels.resize(n);
      s.indices.resize(n);
    }
    begin_epoch(0);
    try {
      for (int i = 0; i < options.workers; ++i) threads.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ~Impl() { stop(); }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work_available.notify_all();
    for (std::thread& t : threads) t.join();
    threads.clear();
  }

  /// Drops what is prepared, waits for what is being prepared, and goes on from `position_to`.
  template <class Change>
  void restart(std::int64_t position_to, Change&& change) {
    std::unique_lock lock(mutex);
    claimed = batches;  // nothing more to claim while the change is made
    batch_done.wait(lock, [&] { return in_flight == 0; });
    for (Slot& s : slots) {
      s.ready = false;
      s.failure = nullptr;
    }
    change();
    position = claimed = position_to;
    lock.unlock();
    work_available.notify_all();
  }

  void begin_epoch(std::int64_t to) {
    require(to >= 0 && to < data::kMaxEpochs, "an epoch in [0, 2^24)", to);
    restart(0, [&] {
      epoch = to;
      std::iota(order.begin(), order.end(), std::int64_t{0});
      if (options.shuffle) Rng(options.seed, data::order_stream(epoch)).shuffle(order);
    });
  }

  Slot& slot_of(std::int64_t batch) { return slots[static_cast<std::size_t>(batch) % slots.size()]; }

  void work() {
    Scratch scratch;
    std::unique_lock lock(mutex);
    while (true) {
      // The caller may still be reading batch position - 1, so its slot stays out of reach.
      work_available.wait(lock, [&] {
        return stopping || (claimed < batches && claimed < position + static_cast<std::int64_t>(slots.size()) - 1);
      });
      if (stopping) return;
      const std::int64_t batch = claimed++;
      ++in_flight;
      lock.unlock();
      Slot& slot = slot_of(batch);
      std::exception_ptr failure;
      try {
        fill(slot, batch, scratch);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      slot.failure = failure;
      slot.ready = true;
      --in_flight;
      batch_done.notify_all();
    }
  }

  /// Touches nothing but the slot and what stands still during an epoch, so it runs without the lock.
  void fill(Slot& slot, std::int64_t batch, Scratch& scratch) const {
    const std::int64_t begin = batch * options.batch_size;
    const std::int64_t end = std::min(begin + options.batch_size, images.count());
    const std::size_t numel = served_shape.numel();
    slot.size = static_cast<std::size_t>(end - begin);
    for (std::size_t k = 0; k < slot.size && !stopping; ++k) {
      expect_no_interrupt();
      const std::int64_t index = order[static_cast<std::size_t>(begin) + k];
      const std::span<float> out(slot.images.data() + k * numel, numel);
      Rng rng(options.seed, data::augment_stream(epoch, index));
      options.augment.apply(images.image(index, scratch.image), images.shape(), normalizer, rng, out, scratch.augment);
      if (options.transform) options.transform(out, served_shape, rng);
      slot.indices[k] = index;
      slot.labels[k] = images.labels[static_cast<std::size_t>(index)];
    }
  }

  bool next(Batch& batch) {
    if (position >= batches) {
      batch = {};
      return false;
    }
    Slot& slot = slot_of(position);
    std::exception_ptr failure;
    if (options.workers == 0) {
      ++position;
      fill(slot, position - 1, own_scratch);
    } else {
      {
        std::unique_lock lock(mutex);
        // The previous batch is given back here, before waiting: its slot may be the one to be filled next.
        while (!batch_done.wait_for(lock, kAskEvery, [&] { return slot.ready; })) expect_no_interrupt();
        slot.ready = false;
        failure = std::exchange(slot.failure, nullptr);
        ++position;
      }
      work_available.notify_all();
      if (failure) std::rethrow_exception(failure);
    }
    batch.images = {slot.images.data(), slot.size * served_shape.numel()};
    batch.labels = {slot.labels.data(), slot.size};
    batch.indices = {slot.indices.data(), slot.size};
    batch.shape = served_shape;
    return true;
  }

  const Images& images;
  const Normalizer normalizer;
  LoaderOptions options;
  ImageShape served_shape;
  std::vector<Slot> slots;
  std::vector<std::int64_t> order;
  std::int64_t batches = 0, epoch = 0;
  Scratch own_scratch;

  std::mutex mutex;
  std::condition_variable work_available, batch_done;
  std::int64_t position = 0;  ///< next batch to serve
  std::int64_t claimed = 0;   ///< next batch to prepare
  int in_flight = 0;
  std::atomic<bool> stopping{false};  ///< changed under mutex, looked at without
  std::vector<std::thread> threads;
};

BatchLoader::BatchLoader(const Images& images, Normalizer normalizer, LoaderOptions options)
    : impl_(std::make_unique<Impl>(images, std::move(normalizer), std::move(options))) {}
BatchLoader::~BatchLoader() = default;
BatchLoader::BatchLoader(BatchLoader&&) noexcept = default;
BatchLoader& BatchLoader::operator=(BatchLoader&&) noexcept = default;

void BatchLoader::start_epoch(std::int64_t epoch) { impl_->begin_epoch(epoch); }

void BatchLoader::skip(std::int64_t batches) {
  require(batches >= 0, "batches >= 0", batches);
  const std::int64_t to = impl_->position + std::min(batches, impl_->batches - impl_->position);
  impl_->restart(to, [] {});
}

bool BatchLoader::next(Batch& batch) { return impl_->next(batch); }
std::int64_t BatchLoader::batches_per_epoch() const { return impl_->batches; }
std::int64_t BatchLoader::epoch() const { return impl_->epoch; }
std::int64_t BatchLoader::position() const { return impl_->position; }
ImageShape BatchLoader::shape() const { return impl_->served_shape; }

}  // namespace tern

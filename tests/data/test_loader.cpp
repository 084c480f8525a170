#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "files.hpp"
#include "tern/interrupt.hpp"
#include "tern/rng.hpp"

using tern::Batch;
using tern::BatchLoader;
using tern::Images;
using tern::LoaderOptions;

namespace {

/// n small images whose pixels tell which they are.
Images numbered(int n) {
  Images images{1, 4, 4, {}, {}};
  for (int i = 0; i < n; ++i) {
    images.labels.push_back(i % 3);
    for (int p = 0; p < 16; ++p) images.pixels.push_back(static_cast<std::uint8_t>(i * 16 + p));
  }
  return images;
}

tern::Normalizer grey() { return tern::Normalizer(std::vector<float>{0.5f}, std::vector<float>{0.25f}); }

struct Served {
  std::vector<float> images;
  std::vector<std::int64_t> labels, indices, sizes;
  friend bool operator==(const Served&, const Served&) = default;
};

Served drain(BatchLoader& loader) {
  Served all;
  for (Batch b; loader.next(b);) {
    all.images.insert(all.images.end(), b.images.begin(), b.images.end());
    all.labels.insert(all.labels.end(), b.labels.begin(), b.labels.end());
    all.indices.insert(all.indices.end(), b.indices.begin(), b.indices.end());
    all.sizes.push_back(b.size());
  }
  return all;
}

LoaderOptions options(int workers) {
  LoaderOptions o;
  o.batch_size = 5;
  o.shuffle = true;
  o.augment = tern::Augment::parse("pad=1,flip,cutout=2");
  o.seed = 7;
  o.workers = workers;
  o.prefetch = 2;
  return o;
}

}  // namespace

TEST_CASE("loader: the stream does not depend on workers or prefetch", "[data]") {
  const Images images = numbered(33);
  BatchLoader reference(images, grey(), options(0));
  const Served epoch0 = drain(reference);
  reference.start_epoch(1);
  const Served epoch1 = drain(reference);
  CHECK(epoch0.sizes == std::vector<std::int64_t>{5, 5, 5, 5, 5, 5, 3});
  CHECK(epoch0.indices != epoch1.indices);
  for (const int workers : {1, 3}) {
    for (const int prefetch : {1, 2, 50}) {
      LoaderOptions o = options(workers);
      o.prefetch = prefetch;
      BatchLoader loader(images, grey(), o);
      CAPTURE(workers, prefetch);
      CHECK(drain(loader) == epoch0);
      loader.start_epoch(1);
      CHECK(drain(loader) == epoch1);
      loader.start_epoch(0);
      CHECK(drain(loader) == epoch0);
    }
  }
  LoaderOptions other = options(0);
  other.seed = 8;
  BatchLoader reseeded(images, grey(), other);
  CHECK(drain(reseeded).indices != epoch0.indices);
}

TEST_CASE("loader: an epoch serves every image once, with its label and pixels", "[data]") {
  const Images images = numbered(33);
  LoaderOptions o = options(2);
  o.augment = {};
  BatchLoader loader(images, grey(), o);
  const Served all = drain(loader);
  std::vector<std::int64_t> sorted = all.indices;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t i = 0; i < 33; ++i) CHECK(sorted[static_cast<std::size_t>(i)] == i);
  for (std::size_t k = 0; k < all.indices.size(); ++k) {
    CHECK(all.labels[k] == all.indices[k] % 3);
    const auto image = images.image(all.indices[k]);
    for (std::size_t p = 0; p < 16; ++p) {
      CHECK(all.images[k * 16 + p] == (static_cast<float>(image[p]) / 255.0f - 0.5f) / 0.25f);
    }
  }
  o.shuffle = false;
  BatchLoader in_order(images, grey(), o);
  CHECK(drain(in_order).indices.front() == 0);
  in_order.start_epoch(3);
  CHECK(drain(in_order).indices.back() == 32);
}

TEST_CASE("loader: order and augmentation come from the documented streams", "[data]") {
  const Images images = numbered(33);
  BatchLoader loader(images, grey(), options(1));
  loader.start_epoch(4);
  std::vector<std::int64_t> order(33);
  std::iota(order.begin(), order.end(), 0);
  tern::Rng(7, (std::uint64_t{0xD1} << 56) | 4u).shuffle(order);
  Batch b;
  REQUIRE(loader.next(b));
  CHECK(std::vector<std::int64_t>(b.indices.begin(), b.indices.end()) ==
        std::vector<std::int64_t>(order.begin(), order.begin() + 5));
  tern::Rng rng(7, (std::uint64_t{0xD2} << 56) | (std::uint64_t{4} << 32) | static_cast<std::uint64_t>(order[0]));
  std::vector<float> one(16);
  tern::Augment::Scratch scratch;
  options(1).augment.apply(images.image(order[0]), images.shape(), grey(), rng, one, scratch);
  CHECK(std::equal(one.begin(), one.end(), b.images.begin()));
}

TEST_CASE("loader: skip resumes in the middle of an epoch", "[data]") {
  const Images images = numbered(33);
  for (const int workers : {0, 1, 3}) {
    BatchLoader whole(images, grey(), options(workers)), resumed(images, grey(), options(workers));
    whole.start_epoch(2);
    resumed.start_epoch(2);
    Batch b;
    for (int i = 0; i < 3; ++i) REQUIRE(whole.next(b));
    REQUIRE(resumed.next(b));
    resumed.skip(2);
    CHECK(resumed.position() == 3);
    CHECK(resumed.epoch() == 2);
    const Served rest = drain(resumed);
    CHECK(rest == drain(whole));
    CHECK(rest.labels.size() == 18);
    resumed.skip(1'000'000'000'000);
    CHECK_FALSE(resumed.next(b));
    CHECK(b.size() == 0);
    CHECK_FALSE(resumed.next(b));
  }
}

TEST_CASE("loader: sizes", "[data]") {
  const Images images = numbered(10);
  LoaderOptions o = options(1);
  o.drop_last = true;
  o.batch_size = 4;
  BatchLoader dropping(images, grey(), o);
  CHECK(dropping.batches_per_epoch() == 2);
  CHECK(drain(dropping).sizes == std::vector<std::int64_t>{4, 4});
  o.batch_size = 11;
  BatchLoader none(images, grey(), o);
  CHECK(none.batches_per_epoch() == 0);
  Batch b;
  CHECK_FALSE(none.next(b));
  o.drop_last = false;
  BatchLoader one(images, grey(), o);
  CHECK(drain(one).sizes == std::vector<std::int64_t>{10});
  o.augment = tern::Augment::parse("crop=2");
  BatchLoader small(images, grey(), o);
  CHECK(small.shape() == tern::ImageShape{1, 2, 2});
  REQUIRE(small.next(b));
  CHECK(b.images.size() == 40);
  CHECK(b.shape == tern::ImageShape{1, 2, 2});
}

TEST_CASE("loader: memory is recycled and aligned, and a batch stays while it is looked at", "[data]") {
  const Images images = numbered(64);
  LoaderOptions o = options(2);
  BatchLoader loader(images, grey(), o);
  std::set<const float*> places;
  for (int epoch = 0; epoch < 5; ++epoch) {
    loader.start_epoch(epoch);
    for (Batch b; loader.next(b);) {
      CHECK(reinterpret_cast<std::uintptr_t>(b.images.data()) % 64 == 0);
      places.insert(b.images.data());
      const std::vector<float> before(b.images.begin(), b.images.end());
      std::this_thread::yield();
      CHECK(std::equal(before.begin(), before.end(), b.images.begin()));
    }
  }
  CHECK(places.size() == 3);
}

TEST_CASE("loader: what a worker throws comes out of next(), for that batch only", "[data]") {
  const Images images = numbered(20);
  for (const int workers : {0, 1, 3}) {
    LoaderOptions o = options(workers);
    o.shuffle = false;
    o.augment = {};
    o.transform = [](std::span<float> image, tern::ImageShape, tern::Rng&) {
      if (image[0] == (static_cast<float>(7 * 16) / 255.0f - 0.5f) / 0.25f) throw std::runtime_error("image 7");
      image[0] = 42.0f;
    };
    BatchLoader loader(images, grey(), o);
    Batch b;
    REQUIRE(loader.next(b));
    CHECK(b.images[16] == 42.0f);
    CHECK_THROWS_WITH(loader.next(b), "image 7");
    REQUIRE(loader.next(b));
    CHECK(b.indices[0] == 10);
    loader.start_epoch(1);
    REQUIRE(loader.next(b));
    CHECK(b.indices[0] == 0);
  }
}

TEST_CASE("loader: ends cleanly at any time", "[data]") {
  const Images images = numbered(40);
  for (int round = 0; round < 60; ++round) {
    BatchLoader loader(images, grey(), options(1 + round % 3));
    Batch b;
    for (int i = 0; i < round % 5; ++i) loader.next(b);
    if (round % 7 == 0) loader.start_epoch(round);
    if (round % 4 == 0) {
      BatchLoader moved = std::move(loader);
      moved.next(b);
    }
  }
}

TEST_CASE("loader: whoever waits for a batch can give up, in the middle of it too", "[data]") {
  const Images images = numbered(40);
  for (const int workers : {0, 1}) {
    std::atomic<int> prepared{0};
    LoaderOptions o = options(workers);
    o.batch_size = 20;
    std::atomic<bool> open{false};  // until then a worker stays at its third image
    o.transform = [&](std::span<float>, tern::ImageShape, tern::Rng&) {
      if (++prepared < 3 || workers == 0) return;
      while (!open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    BatchLoader loader(images, grey(), o);
    const tern::Interruptible scope([&] { return prepared >= 3; });
    Batch batch;
    CHECK_THROWS_AS(loader.next(batch), tern::Interrupted);
    CHECK(prepared == 3);
    open = true;
  }
}

TEST_CASE("loader: options out of range", "[data]") {
  const Images images = numbered(4);
  const auto bad = [&](auto&& change) {
    LoaderOptions o;
    change(o);
    CHECK_THROWS_AS(BatchLoader(images, grey(), o), tern::ValueError);
  };
  bad([](LoaderOptions& o) { o.batch_size = 0; });
  bad([](LoaderOptions& o) { o.workers = -1; });
  bad([](LoaderOptions& o) { o.prefetch = 0; });
  bad([](LoaderOptions& o) { o.augment = tern::Augment::parse("crop=5"); });
  CHECK_THROWS_AS(BatchLoader(Images{1, 4, 4, {}, {}}, grey()), tern::ValueError);
  Images short_pixels = images;
  short_pixels.pixels.pop_back();
  CHECK_THROWS_AS(BatchLoader(short_pixels, grey()), tern::ShapeError);
  CHECK_THROWS_AS(BatchLoader(images, tern::Normalizer()), tern::ShapeError);
  BatchLoader loader(images, grey());
  CHECK_THROWS_AS(loader.start_epoch(-1), tern::ValueError);
  CHECK_THROWS_AS(loader.start_epoch(std::int64_t{1} << 24), tern::ValueError);
  CHECK_THROWS_AS(loader.skip(-1), tern::ValueError);
}

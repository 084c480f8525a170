// A small model with a blob of every kind and encoding.
#pragma once

#include <limits>

#include "tern/packed.hpp"
#include "tern/rng.hpp"

inline std::vector<std::int8_t> pick_codes(tern::Rng& rng, std::int64_t n, const std::vector<int>& levels) {
  std::vector<std::int8_t> v(static_cast<std::size_t>(n));
  for (auto& x : v) x = static_cast<std::int8_t>(levels[rng.below(levels.size())]);
  return v;
}

inline tern::packed::Model small_model() {
  using tern::packed::Blob;
  tern::Rng rng(5);
  tern::packed::Model m;
  m.graph = tern::Graph::parse(
      "tern-graph 1\nx = input() shape=1x4x4\nq = quantize(x) lo=-1 hi=1 step=1\nc = conv2d(q) out=3 kernel=3 "
      "weights=codes\n");
  m.meta = {{"method", "twn"}, {"note", ""}};
  m.blobs["c.weight"] = Blob::of_codes({3, 1, 3, 3}, pick_codes(rng, 27, {-1, 0, 1}));
  m.blobs["c.binary"] = Blob::of_codes({19}, pick_codes(rng, 19, {-1, 1}));
  m.blobs["c.dorefa"] = Blob::of_codes({9}, {-3, -1, 1, 3, -3, 1, 1, -1, 3});
  m.blobs["c.heq5"] = Blob::of_codes({7}, {-2, -1, 0, 1, 2, 2, -2});
  m.blobs["c.wide"] = Blob::of_codes({3}, {-128, 0, 127});
  m.blobs["c.sparse"] = Blob::of_codes({40}, [] {
    std::vector<std::int8_t> v(40, 0);
    v[7] = 1;
    v[30] = -1;
    return v;
  }());
  std::vector<std::int8_t> peaked = pick_codes(rng, 60, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, -1});
  peaked.resize(400, 0);
  m.blobs["c.peaked"] = Blob::of_codes({400}, peaked);
  m.blobs["c.constant"] = Blob::of_codes({5}, {4, 4, 4, 4, 4});
  m.blobs["c.empty"] = Blob::of_codes({0, 4}, {});
  m.blobs["c.flags"] = Blob::of_codes({3}, {0, 1, 0});
  m.blobs["q.thresholds"] = Blob::of_floats({2}, {-0.5f, std::numeric_limits<float>::infinity()});
  m.blobs["c.thresholds"] = Blob::of_ints({3, 1}, {std::numeric_limits<std::int32_t>::min(), -7, 2'000'000'000});
  m.blobs["c.scalar"] = Blob::of_floats({}, {1.5f});
  return m;
}

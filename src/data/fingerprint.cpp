// The fingerprint: images are hashed in parallel and joined in their order.
#include "data/fingerprint.hpp"

#include <cstdint>

#include "tern/parallel.hpp"

namespace tern::data {
namespace {

void add(Hash& hash, const Images& images) {
  hash.word(static_cast<std::uint64_t>(images.count()));
  for (const int extent : {images.channels, images.height, images.width}) hash.word(static_cast<std::uint64_t>(extent));
  std::vector<std::uint64_t> each(images.labels.size());
  parallel_ranges(images.count(), 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      Hash one;
      one.word(static_cast<std::uint64_t>(images.labels[static_cast<std::size_t>(i)]));
      if (images.source)
        one.word(images.source->stamp(i));
      else
        one.bytes(images.image(i));
      each[static_cast<std::size_t>(i)] = one.value();
    }
  });
  for (const std::uint64_t h : each) hash.word(h);
}

}  // namespace

std::string fingerprint(const Dataset& set) {
  Hash hash;
  for (const std::string& name : set.class_names) hash.text(name);
  add(hash, set.train);
  add(hash, set.test);
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[hash.value() >> shift & 15];
  return text;
}

}  // namespace tern::data

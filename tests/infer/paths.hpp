// Every way of running a model against the reference, node by node and bit by bit.
#pragma once

#include <bit>
#include <map>

#include "builder.hpp"
#include "catch.hpp"
#include "tern/infer.hpp"

namespace tern::test {

struct Recorded {
  std::map<std::string, std::vector<std::int8_t>> codes;
  std::map<std::string, std::vector<float>> floats;
};

inline Recorded record(infer::Session& s, std::span<const std::uint8_t> images, std::int64_t n,
                       std::vector<float>& logits) {
  Recorded r;
  s.set_tap([&](const infer::TapValue& v) {
    REQUIRE(v.shape[0] == n);
    if (v.step != 0)
      r.codes[v.node.name].assign(v.codes.begin(), v.codes.end());
    else
      r.floats[v.node.name].assign(v.floats.begin(), v.floats.end());
  });
  logits = s.run(images, n);
  s.set_tap({});
  return r;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
           return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
         });
}

// Images repeated until a batch has two groups that share vectors and three that do not: values and logits repeat too.
inline void check_groups(Builder& b, const std::vector<std::uint8_t>& images, std::int64_t n,
                         const std::vector<float>& want, const Recorded& truth) {
  constexpr std::int64_t kBatch = 19;
  const auto repeat = [&](const auto& values) {
    std::decay_t<decltype(values)> out;
    const std::size_t size = values.size() / static_cast<std::size_t>(n);
    for (std::int64_t i = 0; i < kBatch; ++i) {
      const auto from = values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i % n) * size);
      out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(size));
    }
    return out;
  };
  const auto many = repeat(images);
  const auto logits = repeat(want);
  for (const Isa isa : {Isa::kPortable, available_isas().back()}) {
    for (const int threads : {1, 2}) {
      INFO("isa " << name_of(isa) << " threads " << threads << "\n" << b.model.graph.format());
      infer::Session grouped(b.model, {.isa = isa, .threads = threads, .kernel = "bitsliced"});
      REQUIRE(same_bits(grouped.run(many, kBatch), logits));
      std::vector<float> again;
      const Recorded got = record(grouped, many, kBatch, again);
      REQUIRE(same_bits(again, logits));
      for (const auto& [node, codes] : got.codes) {
        INFO("node " << node);
        REQUIRE(codes == repeat(truth.codes.at(node)));
      }
      for (const auto& [node, floats] : got.floats) {
        INFO("node " << node);
        REQUIRE(same_bits(floats, repeat(truth.floats.at(node))));
      }
    }
  }
}

// Returns how many nodes a fast plan made visible, and compares each with the reference.
inline std::size_t check_everywhere(Builder& b, std::int64_t n = 3) {
  const auto images = b.images(n);
  infer::Session reference(b.model, {.isa = Isa::kReference});
  std::vector<float> want;
  const Recorded truth = record(reference, images, n, want);
  REQUIRE(truth.codes.size() + truth.floats.size() == b.model.graph.nodes().size());
  std::size_t visible = 0;
  for (const Isa isa : available_isas()) {
    if (isa == Isa::kReference) continue;
    for (const std::string kernel : {"kpacked", "bitsliced", ""}) {
      infer::Session fast(b.model, {.isa = isa, .kernel = kernel});
      INFO("isa " << name_of(isa) << " kernel " << kernel << "\n" << b.model.graph.format());
      REQUIRE(fast.isa() == isa);
      REQUIRE(same_bits(fast.run(images, n), want));
      std::vector<float> logits;
      const Recorded got = record(fast, images, n, logits);
      REQUIRE(same_bits(logits, want));
      for (const auto& [node, codes] : got.codes) {
        INFO("node " << node);
        REQUIRE(codes == truth.codes.at(node));
      }
      for (const auto& [node, floats] : got.floats) {
        INFO("node " << node);
        REQUIRE(same_bits(floats, truth.floats.at(node)));
      }
      visible = got.codes.size() + got.floats.size();
      for (std::int64_t i = 0; i < n; ++i) {  // one image at a time
        const auto one = fast.run(
            std::span(images).subspan(static_cast<std::size_t>(i) * images.size() / static_cast<std::size_t>(n),
                                      images.size() / static_cast<std::size_t>(n)),
            1);
        const auto width = static_cast<std::size_t>(fast.classes());
        REQUIRE(
            same_bits(one, {want.begin() + i * fast.classes(),
                            want.begin() + static_cast<std::ptrdiff_t>((static_cast<std::size_t>(i) + 1) * width)}));
      }
    }
  }
  check_groups(b, images, n, want, truth);
  return visible;
}

}  // namespace tern::test

// Small networks as training leaves them, packed and compared with themselves.
#pragma once

#include <string>

#include "begin_step.hpp"
#include "catch.hpp"
#include "tern/convert.hpp"
#include "tern/rng.hpp"

namespace tern::testing {

inline Images random_bytes(int channels, int side, int n, std::uint64_t seed) {
  Images images;
  images.channels = channels;
  images.height = images.width = side;
  Rng rng(seed);
  images.labels.assign(static_cast<std::size_t>(n), 0);
  images.pixels.resize(static_cast<std::size_t>(n) * images.shape().numel());
  for (auto& p : images.pixels) p = static_cast<std::uint8_t>(rng.below(256));
  return images;
}

/// A network whose batch norms have seen data and whose gains have both signs, so that folding meets flips.
inline Network shaken(const std::string& text, std::uint64_t seed) {
  Network net(Graph::parse(text), seed);
  const Shape in = net.input_shape();
  Rng rng(seed);
  const Tensor images = Tensor::empty(Shape{16, in[0], in[1], in[2]});
  for (float& x : images.span<float>()) x = rng.normal();
  for (const auto& p : net.parameters()) {
    if (p.kind != ParamKind::kNorm) continue;
    for (float& x : p.value.span<float>()) x = p.name.ends_with("gamma") ? rng.normal() : 0.3f * rng.normal();
  }
  begin_step(net, images);
  for (int i = 0; i < 5; ++i) net.forward(images);
  net.set_training(false);
  return net;
}

/// Packs it, sends it through the file format, and compares code by code on every path.
inline void check_identical(const std::string& text, int channels, int side, bool expect_codes = true) {
  Network net = shaken(text, 11);
  const auto model = pack(net);
  const auto bytes = packed::encode(model);
  const auto again = packed::decode(bytes);
  const Images images = random_bytes(channels, side, 23, 5);
  for (const infer::Options& how : infer::every_path()) {
    INFO(name_of(*how.isa) << " " << how.kernel);
    const auto r = verify(net, again, how, images, 10);
    for (const auto& n : r.nodes) {
      INFO(n.name);
      CHECK(n.different == 0);
    }
    CHECK(r.identical());
    CHECK(r.images == 23);
    CHECK((r.codes > 0) == expect_codes);
  }
}

}  // namespace tern::testing

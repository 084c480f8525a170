// Builds packed models with random weights, node by node, for tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "infer/ops/node.hpp"
#include "tern/infer.hpp"
#include "tern/rng.hpp"

namespace tern::test {

using packed::Blob;
using Attrs = std::vector<std::pair<std::string, std::string>>;

class Builder {
 public:
  explicit Builder(std::uint64_t seed) : rng_(seed) {}

  packed::Model model;

  std::string input(const std::string& shape) {
    const auto channels = Shape::parse(shape)[0];
    std::string mean, std;
    for (std::int64_t c = 0; c < channels; ++c) {
      mean += (c ? "," : "") + std::string("0.4") + std::to_string(c);
      std += (c ? "," : "") + std::string("0.2") + std::to_string(c + 1);
    }
    return model.graph.add("input", {}, {{"shape", shape}, {"mean", mean}, {"std", std}});
  }

  struct Weights {
    int max_code = 0;  ///< 0: floats
    int scales = 1;    ///< 0: none
    bool bias = false;
    bool binary = false;  ///< codes without zero
    int lo = 0, hi = 0;   ///< lo < hi: threshold epilogue
  };

  /// extra: stride, pad, dilation, groups.
  std::string conv(const std::string& x, std::int64_t out, std::int64_t r, std::int64_t s, const Weights& w,
                   Attrs extra = {}) {
    std::int64_t groups = 1;
    for (const auto& [k, v] : extra) {
      if (k == "groups") groups = std::stoll(v);
    }
    extra.insert(extra.begin(),
                 {{"out", std::to_string(out)}, {"kernel", std::to_string(r) + "x" + std::to_string(s)}});
    return weighted("conv2d", x, {out, type(x).channels() / groups, r, s}, w, std::move(extra));
  }
  std::string linear(const std::string& x, std::int64_t out, const Weights& w) {
    return weighted("linear", x, {out, type(x).numel()}, w, {{"out", std::to_string(out)}});
  }
  std::string affine(const std::string& x) {
    const std::int64_t c = type(x).channels();
    const std::string name = model.graph.add("affine", {x});
    model.blobs[name + ".k1"] = floats({c}, 0.3f);
    model.blobs[name + ".k0"] = floats({c}, 0.5f);
    return name;
  }
  std::string quantize(const std::string& x, int lo, int hi, const std::string& step = "1") {
    const std::string name = model.graph.add("quantize", {x}, range(lo, hi, step));
    std::vector<float> t;
    for (int j = lo; j < hi; ++j) t.push_back(0.6f * rng_.normal());
    std::sort(t.begin(), t.end());
    if (rng_.below(8) == 0) t.back() = std::numeric_limits<float>::infinity();
    model.blobs[name + ".thresholds"] = Blob::of_floats({hi - lo}, t);
    return name;
  }
  std::string prelu(const std::string& x) {
    const std::int64_t c = rng_.below(2) == 0 ? 1 : type(x).channels();
    const std::string name = model.graph.add("prelu", {x});
    model.blobs[name + ".slope"] = floats({c}, 0.3f);
    return name;
  }
  std::string plain(const std::string& op, std::vector<std::string> x, Attrs attrs = {}) {
    return model.graph.add(op, std::move(x), std::move(attrs));
  }

  infer::ValueType type(const std::string& name) {
    const auto nodes = infer::check_model(model);
    return nodes[static_cast<std::size_t>(model.graph.find(name))].type;
  }
  Rng& rng() { return rng_; }
  std::int64_t pick(std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(hi - lo + 1)));
  }

  std::vector<std::uint8_t> images(std::int64_t n) {
    std::vector<std::uint8_t> out(static_cast<std::size_t>(n * infer::check_model(model).front().type.numel()));
    for (auto& p : out) p = static_cast<std::uint8_t>(rng_.next_u32());
    return out;
  }

 private:
  Blob floats(const Shape& shape, float sigma) {
    std::vector<float> v(static_cast<std::size_t>(shape.numel()));
    for (float& f : v) f = sigma * rng_.normal();
    return Blob::of_floats(shape, v);
  }
  static Attrs range(int lo, int hi, const std::string& step) {
    return {{"lo", std::to_string(lo)}, {"hi", std::to_string(hi)}, {"step", step}};
  }

  std::string weighted(const std::string& op, const std::string& x, const Shape& shape, const Weights& w, Attrs attrs) {
    const std::int64_t out = shape[0], k = shape.numel() / out;
    const infer::ValueType in = type(x);
    attrs.emplace_back("weights", w.max_code ? "codes" : "f32");
    if (w.bias) attrs.emplace_back("bias", "1");
    const bool fused = w.lo < w.hi;
    if (fused) {
      attrs.emplace_back("epilogue", "threshold");
      for (auto& a : range(w.lo, w.hi, "0.5")) attrs.push_back(a);
    }
    const std::string name = model.graph.add(op, {x}, attrs);
    const float spread = 1.0f / std::sqrt(static_cast<float>(k));
    if (w.max_code == 0) {
      model.blobs[name + ".weight"] = floats(shape, spread);
    } else {
      std::vector<std::int8_t> codes(static_cast<std::size_t>(shape.numel()));
      for (auto& c : codes) {
        c = static_cast<std::int8_t>(w.binary ? 2 * pick(0, w.max_code) - w.max_code : pick(-w.max_code, w.max_code));
      }
      model.blobs[name + ".weight"] = Blob::of_codes(shape, codes);
      for (int i = 0; i < w.scales && !fused; ++i) {
        model.blobs[name + (i == 0 ? ".scale_pos" : ".scale_neg")] = floats({out}, 2.0f * spread);
      }
    }
    if (w.bias) model.blobs[name + ".bias"] = floats({out}, 0.2f);
    if (fused) {
      std::vector<std::int32_t> t;
      std::vector<std::int8_t> flip;
      const double width = std::sqrt(static_cast<double>(k)) * w.max_code * std::max(std::abs(in.lo), std::abs(in.hi));
      for (std::int64_t o = 0; o < out; ++o) {
        flip.push_back(static_cast<std::int8_t>(rng_.below(3) == 0));
        std::vector<std::int32_t> row;
        for (int j = w.lo; j < w.hi; ++j)
          row.push_back(static_cast<std::int32_t>(width * static_cast<double>(rng_.normal()) * 0.5));
        std::sort(row.begin(), row.end());
        if (rng_.below(10) == 0) row.back() = std::numeric_limits<std::int32_t>::max();
        if (rng_.below(10) == 0) row.front() = std::numeric_limits<std::int32_t>::min();
        if (flip.back()) std::reverse(row.begin(), row.end());
        t.insert(t.end(), row.begin(), row.end());
      }
      model.blobs[name + ".thresholds"] = Blob::of_ints({out, w.hi - w.lo}, t);
      if (rng_.below(4) != 0 || std::count(flip.begin(), flip.end(), std::int8_t{1}) > 0) {
        model.blobs[name + ".flip"] = Blob::of_codes({out}, flip);
      }
    }
    return name;
  }

  Rng rng_;
};

}  // namespace tern::test

// The K-packed family on every instruction set of this CPU, bit by bit against the plain loops.
#include <algorithm>
#include <array>
#include <limits>

#include "border.hpp"
#include "catch.hpp"
#include "guard_pages.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/kpacked/conv.hpp"
#include "kernels/packed/reference/dense.hpp"
#include "kernels/random_codes.hpp"
#include "tern/rng.hpp"

using namespace tern;
using namespace tern::kernels;
using kpacked::i64;
using kpacked::PlaneLayout;
using kpacked::u8;
using tern::testing::pick;
using tern::testing::random_codes;

namespace {

// Planes in a buffer of exactly their size, filled with junk first.
AlignedVector<u8> packed_planes(const PlaneLayout& layout, const std::vector<std::int8_t>& codes) {
  AlignedVector<u8> planes(static_cast<std::size_t>(layout.total_bytes()), 0xa7);
  kpacked::clear(layout, planes.data());
  kpacked::pack(layout, codes.data(), planes.data());
  return planes;
}

std::vector<std::int32_t> convolve(const kpacked::Micro& micro, const ConvShape& d, const PlaneLayout& layout,
                                   const std::vector<std::int8_t>& x, const std::vector<std::int8_t>& w) {
  const auto dense = packed_planes(layout, x);
  const testing::Guarded<u8> planes(dense.size(), d.channels % 2 == 0);  // between pages that nobody may touch
  std::copy(dense.begin(), dense.end(), planes.data());
  const kpacked::Conv conv(d, layout, w.data());
  const i64 rows = d.out_height(), cols = d.out_width();
  std::vector<std::int32_t> out(static_cast<std::size_t>(d.outputs * rows * cols), 12345);
  std::vector<std::int32_t> acc(static_cast<std::size_t>(rows * cols * 8), 54321);
  for (i64 b = 0; b < conv.blocks(); ++b) {
    const i64 cut = rows * cols / 3;  // in two runs, so that one starts anywhere
    conv.run(micro, planes.data(), b, 0, cut, acc.data());
    conv.run(micro, planes.data(), b, cut, rows * cols - cut, acc.data() + cut * 8);
    for (i64 lane = 0; lane < conv.outputs(b); ++lane) {
      for (i64 i = 0; i < rows * cols; ++i) {
        out[static_cast<std::size_t>((conv.first_output(b) + lane) * rows * cols + i)] =
            acc[static_cast<std::size_t>(i * 8 + lane)];
      }
    }
  }
  return out;
}

void check(const ConvShape& d, int lo, int hi, int max_weight, Rng& rng) {
  const auto x = random_codes(rng, d.channels * d.height * d.width, lo, hi);
  const auto w = random_codes(rng, d.outputs * d.k(), -max_weight, max_weight);
  const int border = static_cast<int>(pick(rng, 0, 2) == 0 ? pick(rng, lo, hi) : 0);
  const PlaneLayout layout{{lo, hi, border},         d.channels, d.height, d.width, d.pad_h + pick(rng, 0, 1),
                           d.pad_w + pick(rng, 0, 1)};
  REQUIRE(kpacked::Conv::supports(d, layout.code));
  std::vector<std::int32_t> want(static_cast<std::size_t>(d.outputs * d.out_height() * d.out_width()));
  ConvShape whole = d;
  const auto bordered = testing::with_border(whole, x, border);
  reference::conv_codes(whole, bordered.data(), w.data(), want.data());
  for (const Isa isa : available_isas()) {
    const kpacked::Micro& micro = kpacked::micro_for(isa);
    INFO("isa " << name_of(isa) << " codes " << lo << ".." << hi << " border " << border << " weights " << max_weight
                << " C " << d.channels << " H " << d.height << " W " << d.width << " O " << d.outputs << " R "
                << d.kernel_h << " S " << d.kernel_w << " stride " << d.stride_h << " pad " << d.pad_h << " dilation "
                << d.dilation_h << " groups " << d.groups);
    if (isa != Isa::kReference) REQUIRE(micro.name == name_of(isa));
    REQUIRE(convolve(micro, d, layout, x, w) == want);
  }
}

}  // namespace

TEST_CASE("kpacked: codes to planes and back") {
  Rng rng(1);
  for (const auto& [lo, hi] :
       {std::pair{-1, 1}, {0, 2}, {0, 1}, {0, 3}, {-2, 2}, {-3, 3}, {0, 15}, {-8, 7}, {0, 127}, {-128, 127}}) {
    const PlaneLayout layout{{lo, hi},        pick(rng, 1, 40), pick(rng, 1, 9),
                             pick(rng, 1, 9), pick(rng, 0, 2),  pick(rng, 0, 2)};
    const auto x = random_codes(rng, layout.channels * layout.height * layout.width, lo, hi);
    std::vector<std::int8_t> back(x.size(), 99);
    kpacked::unpack(layout, packed_planes(layout, x).data(), back.data());
    CHECK(back == x);
  }
}

TEST_CASE("kpacked: random convolutions equal the reference on every instruction set") {
  Rng rng(2);
  const std::array<std::array<int, 3>, 10> kinds = {{{-1, 1, 1},
                                                     {0, 2, 1},
                                                     {0, 1, 1},
                                                     {0, 3, 1},
                                                     {-1, 1, 3},
                                                     {0, 3, 2},
                                                     {0, 7, 3},
                                                     {-2, 1, 1},
                                                     {0, 15, 1},
                                                     {0, 127, 2}}};
  for (int round = 0; round < 120; ++round) {
    ConvShape d;
    d.groups = round % 7 == 0 ? 2 : 1;
    d.channels = d.groups == 2 ? 8 * 2 * pick(rng, 1, 3) : pick(rng, 1, 140);
    d.outputs = d.groups == 2 ? 8 * 2 * pick(rng, 1, 2) : pick(rng, 1, 20);
    d.kernel_h = pick(rng, 1, 4);
    d.kernel_w = pick(rng, 1, 5);
    d.stride_h = pick(rng, 1, 3);
    d.stride_w = pick(rng, 1, 3);
    d.dilation_h = pick(rng, 1, 2);
    d.dilation_w = pick(rng, 1, 2);
    d.pad_h = pick(rng, 0, 2);
    d.pad_w = pick(rng, 0, 2);
    d.height = d.dilation_h * (d.kernel_h - 1) + pick(rng, 1, 9);
    d.width = d.dilation_w * (d.kernel_w - 1) + pick(rng, 1, 21);
    const auto& k = kinds[static_cast<std::size_t>(round) % kinds.size()];
    check(d, k[0], k[1], k[2], rng);
  }
}

TEST_CASE("kpacked: kernel as large as the image, as a dense layer after flattening") {
  Rng rng(3);
  for (const i64 channels : {1, 8, 13, 64}) {
    ConvShape d;
    d.channels = channels;
    d.height = d.kernel_h = 3;
    d.width = d.kernel_w = 5;
    d.outputs = 10;
    check(d, -1, 1, 1, rng);
  }
}

TEST_CASE("kpacked: the largest sums do not overflow any counter") {
  // 255 channels times 7 x 7 taps: 12,495 products, all of one sign and largest magnitude.
  ConvShape d;
  d.channels = 255;
  d.height = d.width = d.kernel_h = d.kernel_w = 7;
  d.outputs = 9;
  for (const auto& [lo, hi, weight] : {std::array{-1, 1, 1}, {0, 127, 3}}) {
    const PlaneLayout layout{{lo, hi}, d.channels, d.height, d.width, 0, 0};
    for (const int sign : {-1, 1}) {
      const std::vector<std::int8_t> x(static_cast<std::size_t>(d.channels * 49), static_cast<std::int8_t>(hi));
      const std::vector<std::int8_t> w(static_cast<std::size_t>(d.outputs * d.k()),
                                       static_cast<std::int8_t>(sign * weight));
      for (const Isa isa : available_isas()) {
        for (const std::int32_t v : convolve(kpacked::micro_for(isa), d, layout, x, w)) {
          REQUIRE(v == static_cast<std::int32_t>(d.k()) * hi * weight * sign);
        }
      }
    }
  }
}

TEST_CASE("kpacked: sums that fit come out right where a part of them would not") {
  // 3449 channels times 7 x 7 taps of -100 times -127: a bit less than 2^31. The correction alone is beyond it.
  ConvShape d;
  d.channels = 3449;
  d.height = d.width = d.kernel_h = d.kernel_w = 7;
  d.outputs = 2;
  const PlaneLayout layout{{-100, 28}, d.channels, d.height, d.width, 0, 0};
  for (const int x : {-100, 28}) {
    for (const int weight : {-127, 127}) {
      const std::vector<std::int8_t> codes(static_cast<std::size_t>(d.channels * 49), static_cast<std::int8_t>(x));
      const std::vector<std::int8_t> w(static_cast<std::size_t>(d.outputs * d.k()), static_cast<std::int8_t>(weight));
      for (const Isa isa : available_isas()) {
        for (const std::int32_t v : convolve(kpacked::micro_for(isa), d, layout, codes, w)) {
          REQUIRE(v == static_cast<std::int32_t>(d.k()) * x * weight);
        }
      }
    }
  }
}

TEST_CASE("kpacked: thresholds write the codes that the definition gives") {
  Rng rng(4);
  constexpr auto kMin = std::numeric_limits<std::int32_t>::min(), kMax = std::numeric_limits<std::int32_t>::max();
  for (const int levels : {1, 2, 3, 7, 15}) {
    const i64 outputs = 21, pixels = 11;
    const PlaneLayout layout{{0, levels}, outputs, 2, pixels, 1, 1};
    std::vector<std::int32_t> t;
    std::vector<std::int8_t> flip;
    for (i64 o = 0; o < outputs; ++o) {
      flip.push_back(static_cast<std::int8_t>(o % 2));
      std::vector<std::int32_t> row;
      for (int j = 0; j < levels; ++j) row.push_back(static_cast<std::int32_t>(pick(rng, -20, 20)));
      std::sort(row.begin(), row.end());
      if (o == 4) row.front() = kMin;
      if (o == 6) row.back() = kMax;
      if (o % 2) std::reverse(row.begin(), row.end());
      if (o == 5) row.front() = kMax;
      if (o == 7) row.back() = kMin;
      t.insert(t.end(), row.begin(), row.end());
    }
    const std::vector<std::int32_t> at = kpacked::pixel_bytes(layout);
    const kpacked::Thresholds epilogue(outputs, levels, t.data(), flip.data());
    std::vector<std::int32_t> sums(static_cast<std::size_t>(outputs * pixels));
    for (auto& s : sums) s = static_cast<std::int32_t>(pick(rng, -25, 25));
    for (const Isa isa : available_isas()) {
      AlignedVector<u8> planes(static_cast<std::size_t>(layout.total_bytes()), 0x5a);
      kpacked::clear(layout, planes.data());
      for (i64 b = 0; b < 3; ++b) {
        std::vector<std::int32_t> acc(static_cast<std::size_t>(pixels * 8), 99);
        for (i64 o = 8 * b; o < std::min<i64>(outputs, 8 * b + 8); ++o) {
          const bool flipped = flip[static_cast<std::size_t>(o)] != 0;
          for (i64 i = 0; i < pixels; ++i) {
            const std::int32_t s = sums[static_cast<std::size_t>(o * pixels + i)];
            acc[static_cast<std::size_t>(i * 8 + o % 8)] = flipped ? -s : s;
          }
        }
        epilogue.write(kpacked::micro_for(isa), acc.data(), b, pixels, layout, planes.data(), at.data() + pixels);
      }
      std::vector<std::int8_t> codes(static_cast<std::size_t>(outputs * 2 * pixels));
      kpacked::unpack(layout, planes.data(), codes.data());
      for (i64 o = 0; o < outputs; ++o) {
        const std::span<const std::int32_t> row(t.data() + o * levels, static_cast<std::size_t>(levels));
        for (i64 i = 0; i < pixels; ++i) {
          const std::int32_t want = exact::quantize(sums[static_cast<std::size_t>(o * pixels + i)], row,
                                                    flip[static_cast<std::size_t>(o)] != 0, 0);
          REQUIRE(codes[static_cast<std::size_t>((o * 2 + 1) * pixels + i)] == want);
        }
      }
      // Lanes that are no channel stay 0.
      for (int k = 0; k < layout.code.planes(); ++k) {
        CHECK((planes[static_cast<std::size_t>(k * layout.plane_bytes() + layout.at(1, 3) + 2)] & 0xe0) == 0);
      }
    }
  }
}

TEST_CASE("kpacked: float thresholds, infinite ones and NaN included") {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::array<float, 4> t = {-inf, -0.5f, 0.25f, inf};
  const i64 pixels = 7;
  AlignedVector<float> v(static_cast<std::size_t>(pixels * 16));
  const std::array<float, 8> values = {-inf, -1.0f, -0.5f, -0.0f, 0.25f, 3.0f, inf, nan};
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = values[i * 5 % 8];
  const std::array<std::int32_t, 7> at = {0, 2, 4, 6, 8, 10, 12};
  for (const Isa isa : available_isas()) {
    std::vector<u8> out(static_cast<std::size_t>(4 * pixels * 2), 0xcc);
    kpacked::micro_for(isa).threshold_floats(v.data(), pixels, t.data(), 4, 2, out.data(), at.data(), pixels * 2);
    for (std::size_t j = 0; j < 4; ++j) {
      for (std::size_t i = 0; i < 7; ++i) {
        for (std::size_t lane = 0; lane < 16; ++lane) {
          const bool bit = (out[j * 14 + i * 2 + lane / 8] >> (lane % 8) & 1) != 0;
          REQUIRE(bit == (v[i * 16 + lane] >= t[j]));
        }
      }
    }
    // The upper half alone: nothing behind the last lane may be read.
    kpacked::micro_for(isa).threshold_floats(v.data() + 8, pixels, t.data(), 4, 1, out.data(), at.data(), pixels * 2);
    for (std::size_t j = 0; j < 4; ++j) {
      for (std::size_t i = 0; i < 7; ++i) {
        for (std::size_t lane = 0; lane < 8; ++lane) {
          REQUIRE(((out[j * 14 + i * 2] >> lane & 1) != 0) == (v[i * 16 + 8 + lane] >= t[j]));
        }
      }
    }
  }
}

TEST_CASE("kpacked: max pooling on planes equals max pooling on codes") {
  Rng rng(5);
  for (const auto& [lo, hi] : {std::pair{-1, 1}, {0, 1}, {0, 3}, {-3, 3}}) {
    for (int round = 0; round < 10; ++round) {
      PoolShape d;
      d.channels = pick(rng, 1, 30);
      d.kernel = pick(rng, 1, 3);
      d.stride = pick(rng, 1, 3);
      d.pad = d.kernel > 1 ? pick(rng, 0, 1) : 0;
      d.ceil = round % 2 == 1;
      d.height = d.kernel + pick(rng, 0, 7);
      d.width = d.kernel + pick(rng, 0, 7);
      const auto x = random_codes(rng, d.channels * d.height * d.width, lo, hi);
      const PlaneLayout in{{lo, hi}, d.channels, d.height, d.width, 1, 1};
      const PlaneLayout out{{lo, hi}, d.channels, d.out_height(), d.out_width(), 2, 0};
      std::vector<std::int8_t> want(static_cast<std::size_t>(d.channels * d.out_height() * d.out_width())),
          got(want.size());
      reference::max_pool(d, x.data(), want.data());
      AlignedVector<u8> y(static_cast<std::size_t>(out.total_bytes()), 0x33);
      kpacked::clear(out, y.data());
      kpacked::max_pool(d, in, packed_planes(in, x).data(), out, y.data(), 0, d.out_height());
      kpacked::unpack(out, y.data(), got.data());
      REQUIRE(got == want);
    }
  }
}

TEST_CASE("kpacked: sums and thresholds in one call give the codes of the definition") {
  Rng rng(6);
  for (int round = 0; round < 40; ++round) {
    ConvShape d;
    d.channels = pick(rng, 1, 70);
    d.outputs = pick(rng, 1, 30);
    d.kernel_h = d.kernel_w = pick(rng, 1, 3);
    d.pad_h = d.pad_w = pick(rng, 0, 1);
    d.height = d.kernel_h + pick(rng, 0, 6);
    d.width = d.kernel_w + pick(rng, 0, 9);
    const auto levels = static_cast<int>(pick(rng, 1, round % 2 ? 2 : 5));
    const int hi = static_cast<int>(pick(rng, 1, 3)), weight = static_cast<int>(pick(rng, 1, 2));
    const auto x = random_codes(rng, d.channels * d.height * d.width, round % 3 ? -1 : 0, hi);
    const auto w = random_codes(rng, d.outputs * d.k(), -weight, weight);
    std::vector<std::int32_t> t, acc(static_cast<std::size_t>(d.outputs * d.out_height() * d.out_width()));
    std::vector<std::int8_t> flip;
    for (i64 o = 0; o < d.outputs; ++o) {
      flip.push_back(static_cast<std::int8_t>(pick(rng, 0, 1)));
      std::vector<std::int32_t> row;
      for (int j = 0; j < levels; ++j) row.push_back(static_cast<std::int32_t>(pick(rng, -12, 12)));
      std::sort(row.begin(), row.end());
      if (o % 5 == 0) row.back() = std::numeric_limits<std::int32_t>::max();
      if (o % 7 == 0) row.front() = std::numeric_limits<std::int32_t>::min();
      if (flip.back()) std::reverse(row.begin(), row.end());
      t.insert(t.end(), row.begin(), row.end());
    }
    reference::conv_codes(d, x.data(), w.data(), acc.data());
    std::vector<std::int8_t> want, got(acc.size());
    for (std::size_t i = 0; i < acc.size(); ++i) {
      const std::size_t o = i / static_cast<std::size_t>(d.out_height() * d.out_width());
      const auto row = std::span<const std::int32_t>(t).subspan(o * static_cast<std::size_t>(levels),
                                                                static_cast<std::size_t>(levels));
      want.push_back(static_cast<std::int8_t>(exact::quantize(acc[i], row, flip[o] != 0, 0)));
    }
    const PlaneLayout in{{round % 3 ? -1 : 0, hi}, d.channels, d.height, d.width, d.pad_h, d.pad_w};
    const PlaneLayout out{{0, levels}, d.outputs, d.out_height(), d.out_width(), 1, 0};
    const auto negated = kpacked::Thresholds::negate(w.data(), d.outputs, d.k(), flip.data());
    const kpacked::Conv conv(d, in, negated.data());
    const kpacked::Thresholds thresholds(d.outputs, levels, t.data(), flip.data());
    const auto planes = packed_planes(in, x);
    const auto at = kpacked::pixel_bytes(out);
    for (const Isa isa : available_isas()) {
      AlignedVector<u8> y(static_cast<std::size_t>(out.total_bytes()), 0x6b);
      kpacked::clear(out, y.data());
      const i64 pixels = d.out_height() * d.out_width(), cut = pixels / 2;
      for (i64 b = 0; b < conv.blocks(); ++b) {
        conv.run(kpacked::micro_for(isa), planes.data(), b, cut, pixels - cut, thresholds, out, y.data(), at.data());
        conv.run(kpacked::micro_for(isa), planes.data(), b, 0, cut, thresholds, out, y.data(), at.data());
      }
      kpacked::unpack(out, y.data(), got.data());
      INFO("isa " << name_of(isa) << " round " << round);
      REQUIRE(got == want);
    }
  }
}

// FATNN's codec: test vectors worked out by hand, and properties against plain integer products.
#include <array>

#include "catch.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/codec/codec.hpp"
#include "kernels/packed/codec/conv.hpp"
#include "kernels/packed/reference/dense.hpp"
#include "kernels/random_codes.hpp"
#include "tern/rng.hpp"

using namespace tern;
using namespace tern::kernels;
using tern::testing::random_codes;

namespace {

std::int32_t product(const std::vector<std::int8_t>& x, const std::vector<std::int8_t>& y) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

const std::vector<std::int8_t> kX = {1, -1, 0, 1, 0, -1, 1, 0}, kY = {1, 1, -1, -1, 0, 0, 1, 1};

}  // namespace

TEST_CASE("codec: worked words of 6.3") {
  const codec::Word x = codec::pack(kX)[0], y = codec::pack(kY)[0];
  CHECK((x & 0xffff) == 0x71D3);
  CHECK((y & 0xffff) == 0xF50F);
  CHECK((~(x ^ y) & 0xffff) == 0x7B23);
  CHECK((codec::multiply(x, y) & 0xffff) == 0x7523);
  CHECK((codec::keep_mask(y) & 0xffff) == 0xF0FF);
  CHECK((codec::keep_mask(y) >> 16) == 0);
  const codec::Filter f = codec::make_filter(kY);
  CHECK(f.nonzero == 6);
  CHECK(codec::dot(codec::pack(kX), codec::pack(kY)) == 0);
  CHECK(codec::dot_derive(codec::pack(kX), f) == 0);
  CHECK(codec::dot_preload(codec::pack(kX), f) == 0);
}

TEST_CASE("codec: worked examples of 6.5, 6.6, 6.8") {
  const codec::Filter f = codec::make_filter(kY);
  const std::vector<std::int8_t> value = {2, 0, 1, 2, 1, 0, 2, 1};
  CHECK(codec::dot_unsigned(codec::pack(kX), f) == 2);
  CHECK(product(value, kY) == 2);
  CHECK(codec::dot_magnitude(codec::pack(kX), f) == 2);

  const std::vector<std::int8_t> bx = {1, -1, -1, 1, 1, 1, -1, 1}, by = {1, 1, -1, -1, 1, -1, -1, 1};
  CHECK((codec::pack_binary(bx)[0] & 0xff) == 0xB9);
  CHECK((codec::pack_binary(by)[0] & 0xff) == 0x93);
  CHECK(codec::dot_binary(codec::pack_binary(bx), codec::pack_binary(by), 8) == 2);

  const std::vector<std::int8_t> qx = {3, 0, 2, 1}, qy = {1, 3, 2, 0};
  CHECK(codec::dot_two_bit_unsigned(codec::pack_two_bit(qx), codec::pack_two_bit(qy)) == 7);
  CHECK(codec::dot_two_bit_bipolar(codec::pack_two_bit(qx), codec::pack_two_bit(qy), 4) == -8);
}

TEST_CASE("codec: multiplication of all 16 code pairs, both codes of zero") {
  constexpr std::array<int, 4> value = {-1, 0, 0, 1};
  for (codec::Word a = 0; a < 4; ++a) {
    for (codec::Word b = 0; b < 4; ++b) {
      const auto product_code = static_cast<std::size_t>(codec::multiply(a, b) & 3);
      CHECK(value[product_code] == value[static_cast<std::size_t>(a)] * value[static_cast<std::size_t>(b)]);
      CHECK((codec::keep_mask(b) & 3) == (value[static_cast<std::size_t>(b)] == 0 ? 0u : 3u));
    }
  }
}

TEST_CASE("codec: products of random vectors of every length") {
  Rng rng(61);
  for (std::int64_t n = 1; n <= 300; ++n) {
    const auto x = random_codes(rng, n, -1, 1), y = random_codes(rng, n, -1, 1);
    const codec::Filter f = codec::make_filter(y);
    const auto px = codec::pack(x);
    REQUIRE(codec::unpack(px, n) == x);
    REQUIRE(codec::dot(px, codec::pack(y)) == product(x, y));
    REQUIRE(codec::dot_derive(px, f) == product(x, y));
    REQUIRE(codec::dot_preload(px, f) == product(x, y));
    auto magnitude = y;
    for (auto& v : magnitude) v = static_cast<std::int8_t>(v * v);
    REQUIRE(codec::dot_magnitude(px, f) == product(x, magnitude));
    auto value = x;
    for (auto& v : value) v = static_cast<std::int8_t>(v + 1);
    REQUIRE(codec::dot_unsigned(px, f) == product(value, y));

    const auto qx = random_codes(rng, n, 0, 3), qy = random_codes(rng, n, 0, 3);
    REQUIRE(codec::dot_two_bit_unsigned(codec::pack_two_bit(qx), codec::pack_two_bit(qy)) == product(qx, qy));
    auto bx = qx, by = qy;
    for (auto& v : bx) v = static_cast<std::int8_t>(2 * v - 3);
    for (auto& v : by) v = static_cast<std::int8_t>(2 * v - 3);
    REQUIRE(codec::dot_two_bit_bipolar(codec::pack_two_bit(qx), codec::pack_two_bit(qy), n) == product(bx, by));
    for (auto& v : bx) v = v > 0 ? 1 : -1;
    for (auto& v : by) v = v > 0 ? 1 : -1;
    REQUIRE(codec::dot_binary(codec::pack_binary(bx), codec::pack_binary(by), n) == product(bx, by));
  }
}

TEST_CASE("codec: convolution through the packed column matrix") {
  Rng rng(64);
  for (int round = 0; round < 20; ++round) {
    ConvShape d;
    d.channels = 1 + static_cast<std::int64_t>(rng.below(70));
    d.height = 3 + static_cast<std::int64_t>(rng.below(6));
    d.width = 3 + static_cast<std::int64_t>(rng.below(6));
    d.outputs = 1 + static_cast<std::int64_t>(rng.below(5));
    d.kernel_h = 1 + static_cast<std::int64_t>(rng.below(3));
    d.kernel_w = 1 + static_cast<std::int64_t>(rng.below(3));
    d.stride_h = d.stride_w = 1 + static_cast<std::int64_t>(rng.below(2));
    d.pad_h = d.pad_w = static_cast<std::int64_t>(rng.below(2));
    const auto x = random_codes(rng, d.channels * d.height * d.width, -1, 1);
    const auto w = random_codes(rng, d.outputs * d.k(), -1, 1);
    std::vector<std::int32_t> want(static_cast<std::size_t>(d.outputs * d.out_height() * d.out_width())),
        got(want.size(), 77);
    reference::conv_codes(d, x.data(), w.data(), want.data());
    codec::conv(d, x, w, got);
    REQUIRE(got == want);
  }
}

TEST_CASE("codec: both variants of the convolution equal the definition on every instruction set") {
  Rng rng(8);
  const auto pick = [&](std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(hi - lo + 1)));
  };
  for (int round = 0; round < 60; ++round) {
    ConvShape d;
    d.channels = pick(1, 100);
    d.outputs = 8 * pick(1, 9);
    d.kernel_h = pick(1, 4);
    d.kernel_w = pick(1, 3);
    d.stride_h = d.stride_w = pick(1, 2);
    d.dilation_h = d.dilation_w = pick(1, 2);
    d.pad_h = pick(0, 2);
    d.pad_w = pick(0, 2);
    d.height = d.dilation_h * (d.kernel_h - 1) + pick(1, 9);
    d.width = d.dilation_w * (d.kernel_w - 1) + pick(1, 12);
    const auto x = random_codes(rng, d.channels * d.height * d.width, -1, 1),
               w = random_codes(rng, d.outputs * d.k(), -1, 1);
    const std::int64_t pixels = d.out_height() * d.out_width();
    std::vector<std::int32_t> acc(static_cast<std::size_t>(d.outputs * pixels)), t;
    reference::conv_codes(d, x.data(), w.data(), acc.data());
    for (std::int64_t o = 0; o < d.outputs; ++o) {
      t.push_back(static_cast<std::int32_t>(pick(-9, 2)));
      t.push_back(t.back() + static_cast<std::int32_t>(pick(0, 7)));
    }
    std::vector<std::int8_t> want;
    for (std::size_t i = 0; i < acc.size(); ++i) {
      want.push_back(static_cast<std::int8_t>(
          exact::quantize(acc[i], std::span(t).subspan(i / static_cast<std::size_t>(pixels) * 2, 2), false, -1)));
    }
    const codec::ImageLayout in{d.channels, d.height, d.width, d.pad_h + pick(0, 1), d.pad_w + pick(0, 1)};
    const codec::ImageLayout out{d.outputs, d.out_height(), d.out_width(), pick(0, 1), pick(0, 2)};
    std::vector<codec::Word> image(static_cast<std::size_t>(in.total_words()));
    codec::pack(in, x, image);
    std::vector<std::int8_t> back(x.size());
    codec::unpack(in, image, back);
    REQUIRE(back == x);
    for (const auto keep : {codec::Conv::Keep::kDerive, codec::Conv::Keep::kPreload}) {
      const codec::Conv conv(d, in, out, w, t, keep);
      for (const Isa isa : available_isas()) {
        INFO(name_of(isa) << " round " << round);
        std::vector<codec::Word> y(static_cast<std::size_t>(out.total_words()));
        codec::pack(out, std::vector<std::int8_t>(want.size(), 0), y);
        conv.run(kpacked::micro_for(isa), image, y);
        std::vector<std::int8_t> got(want.size());
        codec::unpack(out, y, got);
        REQUIRE(got == want);
        // What is no result is left as it was: the next layer reads it.
        std::vector<codec::Word> clean(y.size());
        codec::pack(out, want, clean);
        REQUIRE(y == clean);
      }
    }
  }
}

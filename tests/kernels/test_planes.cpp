// What lies between two layers on planes of bits: turning one layout into the other, pooling, gates. Each against dense
// codes.
#include <algorithm>
#include <array>
#include <vector>

#include "catch.hpp"
#include "core/aligned.hpp"
#include "kernels/packed/kpacked/conv.hpp"
#include "kernels/packed/planes/channels.hpp"
#include "kernels/packed/planes/logic.hpp"
#include "kernels/packed/planes/pool.hpp"
#include "kernels/packed/planes/turn.hpp"
#include "kernels/packed/planes/words.hpp"
#include "kernels/packed/reference/dense.hpp"
#include "kernels/random_codes.hpp"
#include "tern/rng.hpp"

namespace bitsliced = tern::kernels::bitsliced;
namespace kpacked = tern::kernels::kpacked;
namespace planes = tern::kernels::planes;
using AlignedBytes = tern::AlignedVector<std::uint8_t>;
using Codes = std::vector<std::int8_t>;
using tern::testing::random_codes;

namespace {

struct Extents {
  std::int64_t channels, height, width, pad;
};
constexpr Extents kExtents[] = {{1, 1, 1, 0},  {8, 7, 7, 1},   {13, 5, 9, 2},  {20, 3, 64, 1},
                                {9, 4, 65, 0}, {3, 2, 200, 3}, {64, 14, 14, 1}};
constexpr kpacked::PlaneCode kCodes[] = {{0, 1, 0}, {-1, 1, 0},  {-1, 1, 1}, {0, 2, 0},
                                         {0, 3, 0}, {-3, 9, -1}, {0, 1, 1}};

kpacked::PlaneLayout kpacked_of(const Extents& e, const kpacked::PlaneCode& code) {
  return {code, e.channels, e.height, e.width, e.pad, e.pad};
}
bitsliced::SlicedLayout sliced_of(const Extents& e, const kpacked::PlaneCode& code) {
  return {code, e.channels, e.height, e.width, e.width + e.pad, 64 * e.pad};
}
template <class Layout>
AlignedBytes packed(const Layout& layout, const Codes& codes) {
  AlignedBytes out(static_cast<std::size_t>(layout.total_bytes()));
  clear(layout, out.data());
  if (!codes.empty()) pack(layout, codes.data(), out.data());
  return out;
}

}  // namespace

TEST_CASE("planes: words at any bit position") {
  tern::Rng rng(1);
  AlignedBytes stream(64, 0);
  std::vector<bool> want(512, false);
  for (int trial = 0; trial < 4000; ++trial) {
    const auto at = static_cast<std::int64_t>(rng.below(400)), n = 1 + static_cast<std::int64_t>(rng.below(64));
    const std::uint64_t bits =
        (static_cast<std::uint64_t>(rng.next_u32()) << 32 | rng.next_u32()) & planes::low_mask(n);
    planes::put_word(stream.data(), at, n, bits);
    for (std::int64_t i = 0; i < n; ++i) want[static_cast<std::size_t>(at + i)] = (bits >> i & 1) != 0;
    std::uint64_t seen = 0;
    for (std::int64_t i = 0; i < 64; ++i)
      seen |= static_cast<std::uint64_t>(want[static_cast<std::size_t>(at + i)]) << i;
    REQUIRE(planes::word_at(stream.data(), at) == seen);
  }
}

TEST_CASE("planes: 8x8 bits transposed") {
  for (int byte = 0; byte < 8; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      CHECK(planes::transpose8(std::uint64_t{1} << (8 * byte + bit)) == std::uint64_t{1} << (8 * bit + byte));
    }
  }
}

TEST_CASE("planes: turning keeps every bit and every border") {
  tern::Rng rng(2);
  for (const Extents& e : kExtents) {
    for (const auto& code : kCodes) {
      INFO(e.channels << "x" << e.height << "x" << e.width << " codes " << code.lo << ".." << code.hi << " border "
                      << code.border);
      const Codes codes = random_codes(rng, e.channels * e.height * e.width, code.lo, code.hi);
      const auto a = kpacked_of(e, code);
      const auto b = sliced_of(e, code);
      const AlignedBytes ka = packed(a, codes), sb = packed(b, codes);
      AlignedBytes k = packed(a, {}), s = packed(b, {});
      const std::int64_t bytes = (e.channels + 7) / 8;
      for (std::int64_t i = 0; i < bytes; ++i) {
        planes::turn(a, ka.data(), b, s.data(), i, i + 1);
        planes::turn(b, sb.data(), a, k.data(), i, i + 1);
      }
      CHECK(k == ka);
      CHECK(s == sb);
    }
  }
}

TEST_CASE("planes: numbers from bit-sliced planes") {
  tern::Rng rng(3);
  for (const Extents& e : kExtents) {
    for (const auto& code : kCodes) {
      const Codes codes = random_codes(rng, e.channels * e.height * e.width, code.lo, code.hi);
      const auto layout = sliced_of(e, code);
      const AlignedBytes bits = packed(layout, codes);
      Codes back(codes.size());
      std::vector<float> values(codes.size());
      bitsliced::unpack(layout, bits.data(), back.data());
      bitsliced::unpack(layout, bits.data(), 0.3f, values.data());
      CHECK(back == codes);
      for (std::size_t i = 0; i < codes.size(); ++i) REQUIRE(values[i] == 0.3f * static_cast<float>(codes[i]));
    }
  }
}

TEST_CASE("planes: max pooling, windows over the edge, borders of any code") {
  tern::Rng rng(4);
  for (const Extents& e : kExtents) {
    for (const auto& code : kCodes) {
      for (const auto& [kernel, stride, pad] :
           {std::array{2, 2, 0}, {3, 2, 1}, {3, 1, 1}, {2, 3, 0}, {5, 5, 2}, {1, 1, 0}}) {
        for (const bool ceil : {false, true}) {
          const tern::kernels::PoolShape shape{e.channels, e.height, e.width, kernel, stride, pad, ceil};
          if (e.height + 2 * pad < kernel || e.width + 2 * pad < kernel) continue;
          const Codes codes = random_codes(rng, e.channels * e.height * e.width, code.lo, code.hi);
          const Extents o{e.channels, shape.out_height(), shape.out_width(), e.pad};
          Codes want(static_cast<std::size_t>(o.channels * o.height * o.width));
          tern::kernels::reference::max_pool(shape, codes.data(), want.data());
          const auto in = sliced_of(e, code), out = sliced_of(o, code);
          const AlignedBytes x = packed(in, codes);
          AlignedBytes y = packed(out, {});
          planes::max_pool(shape, in, x.data(), out, y.data(), 0, e.channels / 2);
          planes::max_pool(shape, in, x.data(), out, y.data(), e.channels / 2, e.channels);
          INFO(e.channels << "x" << e.height << "x" << e.width << " codes " << code.lo << ".." << code.hi << " kernel "
                          << kernel << " stride " << stride << " pad " << pad << " ceil " << ceil);
          CHECK(y == packed(out, want));
        }
      }
    }
  }
}

TEST_CASE("planes: gates in both layouts, also between buffers with different borders") {
  tern::Rng rng(5);
  for (const Extents& e : kExtents) {
    for (const int border : {0, 1}) {
      const std::int64_t pixels = e.height * e.width;
      const Codes y = random_codes(rng, e.channels * pixels, 0, 1), x = random_codes(rng, e.channels * pixels, 0, 1);
      Codes t(static_cast<std::size_t>(e.channels)), either(y.size()), mux(y.size());
      for (std::int64_t c = 0; c < e.channels; ++c) {
        const auto begin = y.begin() + c * pixels;
        t[static_cast<std::size_t>(c)] = 2 * std::count(begin, begin + pixels, std::int8_t{1}) > pixels;
        for (std::int64_t i = c * pixels; i < (c + 1) * pixels; ++i) {
          const auto at = static_cast<std::size_t>(i);
          either[at] = y[at] | x[at];
          mux[at] = t[static_cast<std::size_t>(c)] ? y[at] : either[at];
        }
      }
      const Extents wide{e.channels, e.height, e.width, e.pad + 1}, one{e.channels, 1, 1, 0};
      const auto check = [&](const auto& yl, const auto& xl, const auto& tl, auto gate, std::int64_t gate_units,
                             std::int64_t tgap_units) {
        const AlignedBytes yb = packed(yl, y), xb = packed(xl, x);
        AlignedBytes tb = packed(tl, {}), ob = packed(yl, {});
        for (std::int64_t i = 0; i < tgap_units; ++i) planes::tgap(yl, yb.data(), tl, tb.data(), i, i + 1);
        CHECK(tb == packed(tl, t));
        for (std::int64_t i = 0; i < gate_units; ++i) gate.run(yb.data(), xb.data(), nullptr, ob.data(), i, i + 1);
        CHECK(ob == packed(yl, either));
        for (std::int64_t i = 0; i < gate_units; ++i) gate.run(yb.data(), xb.data(), tb.data(), ob.data(), i, i + 1);
        CHECK(ob == packed(yl, mux));
      };
      const kpacked::PlaneCode a{0, 1, border}, b{0, 1, 1 - border};
      const auto ky = kpacked_of(e, a), kx = kpacked_of(wide, b), kt = kpacked_of(one, a);
      check(ky, kx, kt, planes::KpackedGate{ky, kx, kt, ky}, e.height, (e.channels + 7) / 8);
      auto sx = sliced_of(e, b);
      sx.margin_bits = 512;
      const auto sy = sliced_of(e, a), st = sliced_of(one, a);
      check(sy, sx, st, planes::SlicedGate{sy, sx, st, sy}, e.channels, e.channels);
    }
  }
}

TEST_CASE("planes: channels of several images in any order, between buffers with different borders") {
  tern::Rng rng(6);
  for (const Extents& e : kExtents) {
    for (const auto& code : kCodes) {
      const std::int64_t pixels = e.height * e.width;
      const Extents other{e.channels + 5, e.height, e.width, e.pad + 1};
      const std::array<Codes, 2> x = {random_codes(rng, e.channels * pixels, code.lo, code.hi),
                                      random_codes(rng, other.channels * pixels, code.lo, code.hi)};
      std::vector<planes::ChannelSource> joined, mixed;
      for (std::int64_t c = 0; c < e.channels; ++c) joined.push_back({0, c});
      for (std::int64_t c = 0; c < other.channels; ++c) joined.push_back({1, c});
      for (std::size_t c = 0; c < joined.size() + 3; ++c) mixed.push_back(joined[rng.below(joined.size())]);
      for (const auto& order : {joined, mixed}) {
        INFO(e.channels << "x" << e.height << "x" << e.width << " codes " << code.lo << ".." << code.hi);
        Codes want;
        for (const auto& [input, channel] : order) {
          const auto from = x[input].begin() + channel * pixels;
          want.insert(want.end(), from, from + pixels);
        }
        const Extents o{static_cast<std::int64_t>(order.size()), e.height, e.width, e.pad + 2};
        const std::array<kpacked::PlaneLayout, 2> kin = {kpacked_of(e, code), kpacked_of(other, code)};
        const std::array<bitsliced::SlicedLayout, 2> sin = {sliced_of(e, code), sliced_of(other, code)};
        const auto kout = kpacked_of(o, code);
        const auto sout = sliced_of(o, code);
        const std::array<AlignedBytes, 2> k = {packed(kin[0], x[0]), packed(kin[1], x[1])},
                                          s = {packed(sin[0], x[0]), packed(sin[1], x[1])};
        const std::array<const std::uint8_t*, 2> bytes = {k[0].data(), k[1].data()};
        AlignedBytes ky = packed(kout, {}), sy = packed(sout, {});
        const planes::KpackedChannels channels(order);
        CHECK(channels.pieces() <= o.channels);
        channels.run(kin, bytes, kout, ky.data(), 0, e.height / 2);
        channels.run(kin, bytes, kout, ky.data(), e.height / 2, e.height);
        CHECK(ky == packed(kout, want));
        for (std::int64_t c = 0; c < o.channels; ++c) {
          const auto& [input, channel] = order[static_cast<std::size_t>(c)];
          planes::copy_channel(sin[input], s[input].data(), channel, sout, sy.data(), c);
        }
        CHECK(sy == packed(sout, want));
      }
    }
  }
}

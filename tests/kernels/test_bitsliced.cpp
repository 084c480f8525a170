// The bit-sliced family on every instruction set of this CPU, code by code against the plain loops.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "border.hpp"
#include "catch.hpp"
#include "guard_pages.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/bitsliced/conv.hpp"
#include "kernels/packed/reference/dense.hpp"
#include "kernels/random_codes.hpp"
#include "tern/rng.hpp"

using namespace tern;
using namespace tern::kernels;
using bitsliced::Conv;
using bitsliced::i64;
using bitsliced::SlicedLayout;
using bitsliced::u8;
using tern::testing::pick;
using tern::testing::random_codes;

namespace {

struct Problem {
  ConvShape d;
  bitsliced::PlaneCode in, out;
  std::vector<std::int8_t> x, w, flip;
  std::vector<std::int32_t> t;
};

std::vector<std::int32_t> sums(const Problem& p) {
  std::vector<std::int32_t> acc(static_cast<std::size_t>(p.d.outputs * p.d.out_height() * p.d.out_width()));
  ConvShape whole = p.d;
  const auto bordered = testing::with_border(whole, p.x, p.in.border);
  reference::conv_codes(whole, bordered.data(), p.w.data(), acc.data());
  return acc;
}

std::vector<std::int8_t> definition(const Problem& p) {
  const i64 pixels = p.d.out_height() * p.d.out_width();
  const std::vector<std::int32_t> acc = sums(p);
  std::vector<std::int8_t> codes;
  const auto levels = static_cast<std::size_t>(p.out.levels());
  for (i64 i = 0; i < p.d.outputs * pixels; ++i) {
    const auto o = static_cast<std::size_t>(i / pixels);
    codes.push_back(static_cast<std::int8_t>(exact::quantize(
        acc[static_cast<std::size_t>(i)], std::span(p.t).subspan(o * levels, levels), p.flip[o] != 0, p.out.lo)));
  }
  return codes;
}

using GuardedBytes = testing::Guarded<u8>;
struct Result {
  SlicedLayout layout;
  std::unique_ptr<GuardedBytes> planes;
  const bitsliced::Micro* micro;
};

// Runs the tiles in a scrambled order. Every buffer starts full of junk and lies between pages that nobody may touch:
// first with its end at the page behind, then with its start at the page in front.
Result run(const Problem& p, const bitsliced::PlaneCode& code, bool to_sums, const bitsliced::Micro& micro,
           i64 extra_in, i64 extra_out, bool flush_end, bitsliced::Plan plan) {
  const ConvShape& d = p.d;
  SlicedLayout in{p.in, d.channels, d.height, d.width, d.width + d.pad_w + extra_in, 0};
  const i64 pitch = std::max(Conv::output_pitch(d, in.pitch), d.out_width()) + extra_out;
  in.margin_bits = Conv::margin_bits(d, std::max(pitch, in.pitch));
  const SlicedLayout out{code, d.outputs, d.out_height(), d.out_width(), pitch, pick(*std::make_unique<Rng>(1), 0, 9)};
  const Conv conv({d, in, out, p.w.data(), to_sums ? nullptr : p.t.data(), to_sums ? nullptr : p.flip.data(), plan},
                  micro);
  Result r{out, std::make_unique<GuardedBytes>(static_cast<std::size_t>(out.total_bytes()), flush_end), &conv.micro()};
  const GuardedBytes x(static_cast<std::size_t>(in.total_bytes()), flush_end);
  const GuardedBytes prepared(static_cast<std::size_t>(conv.prepared_bytes()), flush_end),
      panel(static_cast<std::size_t>(conv.panel_bytes()), flush_end);
  for (const GuardedBytes* b : {&x, static_cast<const GuardedBytes*>(r.planes.get()), &prepared, &panel})
    std::fill_n(b->data(), b->size(), u8{0xa5});
  bitsliced::clear(in, x.data());
  bitsliced::pack(in, p.x.data(), x.data());
  if (!to_sums) bitsliced::clear(out, r.planes->data());
  conv.init_prepared(prepared.data());
  conv.init_panel(panel.data());
  conv.prepare(x.data(), prepared.data());
  for (i64 tile = conv.tiles(); tile-- > 0;)
    conv.run(prepared.size() == 0 ? x.data() : prepared.data(), panel.data(), tile, r.planes->data());
  return r;
}

std::vector<std::int32_t> read(const Result& r) {
  std::vector<std::int32_t> out;
  std::array<std::int32_t, 64> numbers;
  const SlicedLayout& d = r.layout;
  for (i64 c = 0; c < d.channels; ++c) {
    for (i64 y = 0; y < d.height; ++y) {
      for (i64 x = 0, n = 0; x < d.width; x += n) {
        const i64 first = d.bit(y, x) % 8;
        n = std::min(64 - first, d.width - x);
        r.micro->read_numbers({r.planes->data() + c * d.code.planes() * d.plane_bytes() + d.front_bytes(),
                               d.plane_bytes(), d.code.planes(), d.bit(y, x) - first, d.code.lo, numbers.data()});
        out.insert(out.end(), numbers.begin() + first, numbers.begin() + first + n);
      }
    }
  }
  return out;
}

std::vector<std::int8_t> sliced(const Problem& p, const bitsliced::Micro& micro, i64 extra_in, i64 extra_out,
                                bool flush_end = true, bitsliced::Plan plan = {0, 0}) {
  const ConvShape& d = p.d;
  const Result result = run(p, p.out, false, micro, extra_in, extra_out, flush_end, plan);
  std::vector<std::int8_t> codes(static_cast<std::size_t>(d.outputs * d.out_height() * d.out_width()));
  bitsliced::unpack(result.layout, result.planes->data(), codes.data());
  // The border is as clear() makes it, so that the next layer may read it.
  AlignedVector<u8> clean(result.planes->size());
  bitsliced::clear(result.layout, clean.data());
  bitsliced::pack(result.layout, codes.data(), clean.data());
  REQUIRE(std::equal(clean.begin(), clean.end(), result.planes->data()));
  REQUIRE(read(run(p, Conv::sum_code(d, p.w, p.in), true, micro, extra_in, extra_out, flush_end, plan)) == sums(p));
  if (result.micro != &micro) {  // a small image took narrow vectors
    bitsliced::Micro wide = micro;
    wide.half = nullptr;
    REQUIRE(sliced(p, wide, extra_in, extra_out, flush_end, plan) == codes);
  }
  return codes;
}

Problem random_problem(Rng& rng, const ConvShape& d, std::pair<int, int> in, std::pair<int, int> out, int max_weight) {
  const auto border = [&](const std::pair<int, int>& range) {
    return static_cast<int>(pick(rng, 0, 2) == 0 ? pick(rng, range.first, range.second) : 0);
  };
  Problem p{d, {in.first, in.second, border(in)}, {out.first, out.second, border(out)}, {}, {}, {}, {}};
  p.x = random_codes(rng, d.channels * d.height * d.width, in.first, in.second);
  p.w = random_codes(rng, d.outputs * d.k(), -max_weight, max_weight);
  for (i64 o = 0; o < d.outputs; ++o) {
    p.flip.push_back(static_cast<std::int8_t>(pick(rng, 0, 3) == 0));
    std::vector<std::int32_t> row;
    const auto spread =
        static_cast<i64>(1 + std::sqrt(static_cast<double>(d.k())) * max_weight * std::max(-in.first, in.second));
    for (int j = out.first; j < out.second; ++j) row.push_back(static_cast<std::int32_t>(pick(rng, -spread, spread)));
    std::sort(row.begin(), row.end());
    if (pick(rng, 0, 9) == 0) row.back() = std::numeric_limits<std::int32_t>::max();
    if (pick(rng, 0, 9) == 0) row.front() = std::numeric_limits<std::int32_t>::min();
    if (p.flip.back()) std::reverse(row.begin(), row.end());
    p.t.insert(p.t.end(), row.begin(), row.end());
  }
  return p;
}

}  // namespace

TEST_CASE("bitsliced: codes to planes and back") {
  Rng rng(1);
  for (const auto& [lo, hi] : {std::pair{-1, 1}, {0, 2}, {0, 1}, {0, 3}, {-3, 3}, {0, 15}, {-128, 127}}) {
    SlicedLayout layout{{lo, hi}, pick(rng, 1, 9), pick(rng, 1, 9), pick(rng, 1, 90), 0, pick(rng, 0, 100)};
    layout.pitch = layout.width + pick(rng, 0, 5);
    const auto x = random_codes(rng, layout.channels * layout.height * layout.width, lo, hi);
    AlignedVector<u8> planes(static_cast<std::size_t>(layout.total_bytes()), 0x77);
    bitsliced::clear(layout, planes.data());
    bitsliced::pack(layout, x.data(), planes.data());
    std::vector<std::int8_t> back(x.size(), 99);
    bitsliced::unpack(layout, planes.data(), back.data());
    CHECK(back == x);
  }
}

TEST_CASE("bitsliced: random convolutions equal the reference on every instruction set") {
  Rng rng(2);
  const std::array<std::array<int, 5>, 11> kinds = {{{-1, 1, -1, 1, 1},
                                                     {0, 2, 0, 2, 1},
                                                     {0, 1, 0, 1, 1},
                                                     {0, 3, 0, 3, 1},
                                                     {-1, 1, 0, 3, 3},
                                                     {0, 3, -1, 1, 2},
                                                     {0, 7, 0, 15, 3},
                                                     {-2, 1, -3, 3, 1},
                                                     {0, 15, 0, 1, 2},
                                                     {-128, 127, -1, 1, 1},
                                                     {-128, 127, 0, 2, 3}}};
  for (int round = 0; round < 150; ++round) {
    ConvShape d;
    d.groups = round % 6 == 0 ? pick(rng, 1, 3) : 1;
    d.channels = d.groups * pick(rng, 1, 24);
    d.outputs = d.groups * pick(rng, 1, 12);
    d.kernel_h = pick(rng, 1, 4);
    d.kernel_w = pick(rng, 1, 5);
    d.stride_h = round % 3 == 0 ? pick(rng, 1, 3) : 1;
    d.stride_w = round % 3 == 0 ? pick(rng, 1, 3) : 1;
    d.dilation_h = pick(rng, 1, 2);
    d.dilation_w = pick(rng, 1, 2);
    d.pad_h = pick(rng, 0, 3);
    d.pad_w = pick(rng, 0, 3);
    d.height = d.dilation_h * (d.kernel_h - 1) + pick(rng, 1, 20);
    d.width = d.dilation_w * (d.kernel_w - 1) + pick(rng, 1, 70);
    const auto& k = kinds[static_cast<std::size_t>(round) % kinds.size()];
    const Problem p = random_problem(rng, d, {k[0], k[1]}, {k[2], k[3]}, k[4]);
    REQUIRE(Conv::supports(d, p.w, p.in, p.out));
    const auto want = definition(p);
    for (const Isa isa : available_isas()) {
      const bitsliced::Micro& micro = bitsliced::micro_for(isa);
      if (isa != Isa::kReference) REQUIRE(micro.name == name_of(isa));
      INFO("isa " << name_of(isa) << " kind " << static_cast<std::size_t>(round) % kinds.size() << " C " << d.channels
                  << " H " << d.height << " W " << d.width << " O " << d.outputs << " R " << d.kernel_h << " S "
                  << d.kernel_w << " stride " << d.stride_h << "," << d.stride_w << " pad " << d.pad_h << "," << d.pad_w
                  << " dilation " << d.dilation_h << "," << d.dilation_w << " groups " << d.groups);
      REQUIRE(sliced(p, micro, round % 4, round % 5 == 0 ? 3 : 0, round % 2 == 0) == want);
    }
  }
}

TEST_CASE("bitsliced: several blocks of taps, groups that begin within one, all digits of weights and activations") {
  Rng rng(4);
  const std::array<std::array<int, 5>, 4> kinds = {
      {{-1, 1, -1, 1, 1}, {0, 3, 0, 3, 3}, {0, 1, 0, 2, 1}, {-1, 1, 0, 2, 7}}};
  for (int round = 0; round < 12; ++round) {
    ConvShape d;
    d.groups = std::array<i64, 3>{1, 3, 5}[static_cast<std::size_t>(round) % 3];
    d.channels = d.groups * pick(rng, 60, 90);
    d.outputs = d.groups * pick(rng, 1, 3);
    d.kernel_h = d.kernel_w = 3;
    d.pad_h = d.pad_w = 1;
    d.height = d.width = pick(rng, 3, 9);
    const auto& k = kinds[static_cast<std::size_t>(round) % kinds.size()];
    const Problem p = random_problem(rng, d, {k[0], k[1]}, {k[2], k[3]}, k[4]);
    const auto want = definition(p);
    for (const Isa isa : available_isas()) REQUIRE(sliced(p, bitsliced::micro_for(isa), 0, 0, round % 2 == 0) == want);
  }
}

TEST_CASE("bitsliced: patterns of signs are numbered as taking apart wants them") {
  CHECK(bitsliced::patterns(4) == 40);
  for (int outputs = 1; outputs <= bitsliced::kMaxBundle; ++outputs) {
    std::vector<int> met(static_cast<std::size_t>(bitsliced::patterns(outputs)), 0);
    int zero = 0, all = 1;
    for (int g = 0; g < outputs; ++g) all *= 3;
    for (int n = 0; n < all; ++n) {
      std::array<std::int8_t, 4> signs{}, opposite{};
      for (int g = 0, rest = n; g < outputs; ++g, rest /= 3) {
        signs[static_cast<std::size_t>(g)] = static_cast<std::int8_t>(rest % 3 - 1);
        opposite[static_cast<std::size_t>(g)] = static_cast<std::int8_t>(1 - rest % 3);
      }
      const auto p = bitsliced::pattern_of(signs.data(), outputs), q = bitsliced::pattern_of(opposite.data(), outputs);
      CHECK(p.index == q.index);
      CHECK(p.sign == -q.sign);
      if (p.sign == 0)
        ++zero;
      else
        ++met[static_cast<std::size_t>(p.index)];
    }
    CHECK(zero == 1);
    CHECK(std::all_of(met.begin(), met.end(), [](int n) { return n == 2; }));
  }
}

TEST_CASE("bitsliced: the sums of a bundle come apart, each for itself and in chains") {
  Rng rng(8);
  for (int outputs = 1; outputs <= bitsliced::kMaxBundle; ++outputs) {
    ConvShape d;
    d.channels = 200;
    d.outputs = outputs;
    std::vector<std::int8_t> w(static_cast<std::size_t>(outputs * d.channels));
    for (auto& v : w) v = static_cast<std::int8_t>(pick(rng, -1, 1));
    std::vector<i64> x(200);
    for (auto& v : x) v = pick(rng, -50, 50);
    std::vector<i64> counts(static_cast<std::size_t>(outputs), 0), sums;
    for (std::size_t g = 0; g < counts.size(); ++g) {
      for (std::size_t i = 0; i < x.size(); ++i) counts[g] += w[g * x.size() + i] * x[i];
    }
    for (const auto& column : bitsliced::make_columns(d, w, outputs).entries) {
      sums.push_back(0);
      for (const auto& e : column) sums.back() += e.weight * x[static_cast<std::size_t>(e.input)];
    }
    CHECK(bitsliced::take_apart(sums, outputs, false) == counts);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += i % 3 == 0 ? 0 : sums[i - 1];
    CHECK(bitsliced::take_apart(sums, outputs, true) == counts);
  }
}

TEST_CASE("bitsliced: bundles of every size, in blocks of every size, with and without resting sums") {
  Rng rng(5);
  const std::array<std::array<int, 4>, 5> kinds = {
      {{-1, 1, -1, 1}, {0, 1, 0, 1}, {0, 2, 0, 3}, {0, 3, -1, 1}, {-2, 1, 0, 1}}};
  for (int round = 0; round < 60; ++round) {
    ConvShape d;
    d.groups = round % 5 == 4 ? pick(rng, 2, 3) : 1;
    d.channels = d.groups * pick(rng, 1, 20);
    d.outputs = d.groups * pick(rng, 1, 15);
    d.kernel_h = pick(rng, 1, 3);
    d.kernel_w = pick(rng, 1, 3);
    d.pad_h = pick(rng, 0, 1);
    d.pad_w = pick(rng, 0, 1);
    d.height = d.kernel_h + pick(rng, 0, 12);
    d.width = d.kernel_w + pick(rng, 0, 66);
    const auto& k = kinds[static_cast<std::size_t>(round) % kinds.size()];
    const Problem p = random_problem(rng, d, {k[0], k[1]}, {k[2], k[3]}, 1);
    const auto want = definition(p);
    for (i64 bundle = 1; bundle <= bitsliced::kMaxBundle; ++bundle) {
      bitsliced::Plan plan{bundle, round % 2 == 0 ? d.k() * d.groups : pick(rng, 1, d.k() * d.groups)};
      for (const bool complements : {true, false}) {
        plan.complements = complements;
        INFO("round " << round << " bundle " << bundle << " block " << plan.block << " k " << d.k() << " outputs "
                      << d.outputs << " complements " << complements);
        for (const Isa isa : available_isas())
          REQUIRE(sliced(p, bitsliced::micro_for(isa), 0, 0, round % 4 < 2, plan) == want);
      }
    }
  }
}

TEST_CASE("bitsliced: more columns than may rest at a time") {
  Rng rng(6);
  ConvShape d;
  d.channels = 8;
  d.outputs = 203;
  d.height = d.width = 4;
  d.kernel_h = d.kernel_w = 3;
  d.pad_h = d.pad_w = 1;
  const Problem p = random_problem(rng, d, {-1, 1}, {-1, 1}, 1);
  const auto want = definition(p);
  for (const Isa isa : available_isas()) REQUIRE(sliced(p, bitsliced::micro_for(isa), 0, 0, true, {4, 30}) == want);
}

TEST_CASE("bitsliced: stride and phases without a pixel") {
  Rng rng(7);
  for (i64 round = 0; round < 80; ++round) {
    ConvShape d;
    d.channels = pick(rng, 1, 3);
    d.outputs = pick(rng, 1, 3);
    d.kernel_h = pick(rng, 1, 5);
    d.kernel_w = pick(rng, 1, 5);
    d.stride_h = pick(rng, 1, 4);
    d.stride_w = pick(rng, 1, 70);
    d.pad_h = pick(rng, 0, 6);
    d.pad_w = pick(rng, 0, 6);
    d.height = std::max<i64>(1, d.kernel_h - 2 * d.pad_h) + pick(rng, 0, 4);
    d.width = std::max<i64>(1, d.kernel_w - 2 * d.pad_w) + pick(rng, 0, round % 2 == 0 ? 4 : 200);
    const Problem p = random_problem(rng, d, {-1, 1}, {-1, 1}, 1);
    const auto want = definition(p);
    INFO("H " << d.height << " W " << d.width << " R " << d.kernel_h << " S " << d.kernel_w << " stride " << d.stride_h
              << "," << d.stride_w << " pad " << d.pad_h << "," << d.pad_w);
    for (const Isa isa : available_isas())
      REQUIRE(sliced(p, bitsliced::micro_for(isa), round % 3, 0, round % 2 == 0) == want);
  }
}

TEST_CASE("bitsliced: images at the edge of a narrow vector") {
  Rng rng(9);
  for (const i64 width : {255, 256, 257}) {
    ConvShape d;
    d.channels = 5;
    d.outputs = 7;
    d.width = width;
    const Problem p = random_problem(rng, d, {-1, 1}, {-1, 1}, 1);
    const auto want = definition(p);
    for (const Isa isa : available_isas()) REQUIRE(sliced(p, bitsliced::micro_for(isa), 0, 0) == want);
  }
}

TEST_CASE("bitsliced: which thresholds a row of floats reaches") {
  Rng rng(10);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::array<float, 5> thresholds = {-kInfinity, -0.5f, 0.0f, 0.5f, kInfinity};
  std::array<float, 65> row;
  for (int round = 0; round < 20; ++round) {
    for (float& v : row)
      v = std::array<float, 6>{
          -0.5f, -0.0f, 0.5f, rng.normal(), kInfinity, std::nanf("")}[static_cast<std::size_t>(pick(rng, 0, 5))];
    const float* begin = row.data() + round % 2;
    for (const Isa isa : available_isas()) {
      std::array<std::uint64_t, 5> reached;
      bitsliced::micro_for(isa).compare_row(begin, thresholds.data(), 5, reached.data());
      for (std::size_t j = 0; j < 5; ++j) {
        for (int i = 0; i < 64; ++i) REQUIRE((reached[j] >> i & 1) == (begin[i] >= thresholds[j] ? 1u : 0u));
      }
    }
  }
}

TEST_CASE("bitsliced: layers whose counts might not fit are refused") {
  ConvShape d;
  d.channels = 147;
  d.outputs = 1;
  std::vector<std::int8_t> w(147, 0);
  w[3] = 1;
  CHECK(Conv::supports(d, w, {-128, 127}, {0, 1}));
  w[3] = -14;
  CHECK_FALSE(Conv::supports(d, w, {-128, 127}, {0, 1}));
}

TEST_CASE("bitsliced: the largest counts fit") {
  Rng rng(3);
  for (const i64 channels : {7, 28, 113, 227}) {  // 63, 252, 1017, 2043 weights: around the sizes of a count
    ConvShape d;
    d.channels = channels;
    d.height = d.width = 5;
    d.kernel_h = d.kernel_w = 3;
    d.pad_h = d.pad_w = 1;
    d.outputs = 2;
    Problem p = random_problem(rng, d, {-1, 1}, {-1, 1}, 1);
    std::fill(p.x.begin(), p.x.end(), std::int8_t{1});
    for (std::size_t i = 0; i < p.w.size(); ++i) p.w[i] = i < p.w.size() / 2 ? 1 : -1;
    p.flip = {0, 1};
    const auto k = static_cast<std::int32_t>(d.k());
    p.t = {k, k + 1, k, k - 1};  // reached, not reached; flipped: -k <= ..
    const auto want = definition(p);
    for (i64 bundle = 1; bundle <= bitsliced::kMaxBundle; ++bundle) {
      for (const i64 block : {d.k(), d.k() / 3}) {
        for (const bool complements : {true, false}) {
          for (const Isa isa : available_isas()) {
            REQUIRE(sliced(p, bitsliced::micro_for(isa), 0, 0, true, {bundle, block, complements}) == want);
          }
        }
      }
    }
  }
}

// The float convolution kernels against the defining sum, on every instruction set that this CPU has.
//
// Tolerance: any order of summing k products in precision u = 2^-24 errs by at most (k + 1) u sum |a b| (Higham,
// Accuracy and Stability, 3.1), plus one rounding for the bias. The reference sums in double, and keeps sum |a b|
// beside.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "guard_pages.hpp"
#include "kernels/float/conv/conv.hpp"
#include "kernels/float/conv/depthwise.hpp"
#include "kernels/float/conv/implicit.hpp"
#include "kernels/float/conv/micro.hpp"
#include "kernels/float/conv/winograd.hpp"
#include "kernels/float/conv_im2col.hpp"
#include "ops/random_values.hpp"
#include "tern/cpu.hpp"
#include "tern/parallel.hpp"

namespace conv = tern::kernels::conv;
using tern::kernels::ConvShape;
using tern::testing::random_values;
using i64 = std::int64_t;

namespace {

struct Sum {
  double value = 0, magnitude = 0;
  void add(double a, double b) {
    value += a * b;
    magnitude += std::fabs(a * b);
  }
};

struct Problem {
  ConvShape s;
  std::vector<float> x, filters, bias, dy;
  std::vector<Sum> y, dx, dfilters;
};

std::string describe(const ConvShape& s) {
  const auto pair = [](const char* name, i64 a, i64 b) {
    return " " + std::string(name) + " " + std::to_string(a) + "," + std::to_string(b);
  };
  return "n " + std::to_string(s.batch) + pair("c,o", s.channels, s.outputs) + pair("image", s.height, s.width) +
         pair("filter", s.kernel_h, s.kernel_w) + pair("stride", s.stride_h, s.stride_w) +
         pair("pad", s.pad_h, s.pad_w) + pair("dilation", s.dilation_h, s.dilation_w) + " groups " +
         std::to_string(s.groups);
}

bool fits(const ConvShape& s) {
  return s.height + 2 * s.pad_h > s.dilation_h * (s.kernel_h - 1) &&
         s.width + 2 * s.pad_w > s.dilation_w * (s.kernel_w - 1);
}

i64 draw(std::mt19937& rng, i64 low, i64 high) {
  return low + static_cast<i64>(rng() % static_cast<unsigned>(high - low + 1));
}

// An image and a filter with stride, padding and dilation, which need not fit each other.
ConvShape random_windows(std::mt19937& rng, i64 highest, i64 widest) {
  ConvShape s{};
  s.height = draw(rng, 1, highest);
  s.width = draw(rng, 1, widest);
  s.kernel_h = draw(rng, 1, 5);
  s.kernel_w = draw(rng, 1, 5);
  s.stride_h = draw(rng, 1, 3);
  s.stride_w = draw(rng, 1, 3);
  s.pad_h = draw(rng, 0, 4);
  s.pad_w = draw(rng, 0, 4);
  s.dilation_h = draw(rng, 1, 3);
  s.dilation_w = draw(rng, 1, 3);
  return s;
}

// y[n,o,p,q] = bias[o] + sum_{c,r,s} w[o,c,r,s] x[n, c, p*stride - pad + r*dilation, ...] and its two adjoints.
Problem make_problem(const ConvShape& s, std::mt19937& rng) {
  const i64 c = s.channels / s.groups, o = s.outputs / s.groups, out_h = s.out_height(), out_w = s.out_width();
  Problem t{s,
            random_values(s.batch * s.channels * s.height * s.width, rng),
            random_values(s.outputs * c * s.kernel_h * s.kernel_w, rng),
            random_values(s.outputs, rng),
            random_values(s.batch * s.outputs * out_h * out_w, rng),
            {},
            {},
            {}};
  t.y.resize(t.dy.size());
  t.dx.resize(t.x.size());
  t.dfilters.resize(t.filters.size());
  const auto at = [](i64 i) { return static_cast<std::size_t>(i); };
  for (i64 yi = 0; yi < static_cast<i64>(t.y.size()); ++yi) {
    const i64 q = yi % out_w, p = yi / out_w % out_h, k = yi / out_w / out_h % s.outputs,
              n = yi / out_w / out_h / s.outputs;
    t.y[at(yi)].add(1.0, t.bias[at(k)]);
    for (i64 f = 0; f < c * s.kernel_h * s.kernel_w; ++f) {
      const i64 h = p * s.stride_h - s.pad_h + f / s.kernel_w % s.kernel_h * s.dilation_h;
      const i64 w = q * s.stride_w - s.pad_w + f % s.kernel_w * s.dilation_w;
      if (h < 0 || h >= s.height || w < 0 || w >= s.width) continue;
      const i64 xi = ((n * s.channels + k / o * c + f / s.kernel_w / s.kernel_h) * s.height + h) * s.width + w,
                fi = k * c * s.kernel_h * s.kernel_w + f;
      t.y[at(yi)].add(t.x[at(xi)], t.filters[at(fi)]);
      t.dx[at(xi)].add(t.dy[at(yi)], t.filters[at(fi)]);
      t.dfilters[at(fi)].add(t.dy[at(yi)], t.x[at(xi)]);
    }
  }
  return t;
}

struct Results {
  std::vector<float> y, dx, dfilters;
};

// Outputs start as NaN: what is not written shows.
Results run(const Problem& t) {
  const float junk = std::numeric_limits<float>::quiet_NaN();
  Results r{std::vector<float>(t.y.size(), junk), std::vector<float>(t.dx.size(), junk),
            std::vector<float>(t.dfilters.size(), junk)};
  conv::implicit::forward(t.s, t.x.data(), t.filters.data(), t.bias.data(), r.y.data());
  conv::implicit::backward_data(t.s, t.dy.data(), t.filters.data(), r.dx.data());
  conv::implicit::backward_filters(t.s, t.x.data(), t.dy.data(), r.dfilters.data());
  return r;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The same through transformed tiles. Their sums hold neighbouring pixels too, which cancel: an error is one of the
// largest sum |a b| around, not of the element's own, a few roundings more and up to 16 terms behind each result.
void check_winograd(const Problem& t) {
  if (!conv::winograd::runs(t.s)) return;
  const auto near = [](const char* what, const std::vector<float>& got, const std::vector<Sum>& want, i64 channels) {
    double largest = 0;
    for (const Sum& w : want) largest = std::max(largest, w.magnitude);
    const double bound = 16 * static_cast<double>(channels + 20) * 0x1p-24 * largest;
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (std::fabs(got[i] - want[i].value) <= bound) continue;
      FAIL_CHECK("winograd " << what << " element " << i << ": " << got[i] << ", expected " << want[i].value << " +- "
                             << bound);
      return;
    }
  };
  const float junk = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> y(t.y.size(), junk), dx(t.dx.size(), junk), df(t.dfilters.size(), junk), again(t.y.size(), junk);
  std::vector<float> df_again(t.dfilters.size(), junk);
  conv::winograd::forward(t.s, t.x.data(), t.filters.data(), t.bias.data(), y.data());
  conv::winograd::backward_data(t.s, t.dy.data(), t.filters.data(), dx.data());
  near("y", y, t.y, t.s.channels);
  near("dx", dx, t.dx, t.s.outputs);
  conv::winograd::backward_filters(t.s, t.x.data(), t.dy.data(), df.data());
  near("dfilters", df, t.dfilters, t.s.batch * t.s.out_height() * t.s.out_width());
  const int threads = tern::num_threads();
  tern::set_num_threads(threads + 1);
  conv::winograd::forward(t.s, t.x.data(), t.filters.data(), t.bias.data(), again.data());
  conv::winograd::backward_filters(t.s, t.x.data(), t.dy.data(), df_again.data());
  CHECK(same_bits(y, again));
  CHECK(same_bits(df, df_again));
  tern::set_num_threads(threads);
}

void check_near(const char* what, const std::vector<float>& got, const std::vector<Sum>& want, i64 k) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double bound = static_cast<double>(k + 3) * 0x1p-24 * want[i].magnitude;
    if (std::fabs(got[i] - want[i].value) <= bound) continue;
    FAIL_CHECK(what << " element " << i << ": " << got[i] << ", expected " << want[i].value << " +- " << bound);
    return;
  }
}

// The same as runs of pixels; what the entry of conv.hpp picks for such shapes.
void check_depthwise(const Problem& t) {
  if (!conv::depthwise::suits(t.s)) return;
  const float junk = std::numeric_limits<float>::quiet_NaN();
  const auto run_all = [&] {
    Results r{std::vector<float>(t.y.size(), junk), std::vector<float>(t.dx.size(), junk),
              std::vector<float>(t.dfilters.size(), junk)};
    conv::forward(t.s, t.x.data(), t.filters.data(), t.bias.data(), r.y.data());
    conv::backward_data(t.s, t.dy.data(), t.filters.data(), r.dx.data());
    conv::backward_filters(t.s, t.x.data(), t.dy.data(), r.dfilters.data());
    return r;
  };
  const Results one = run_all();
  check_near("depthwise y", one.y, t.y, t.s.kernel_h * t.s.kernel_w);
  check_near("depthwise dx", one.dx, t.dx, t.s.kernel_h * t.s.kernel_w);
  check_near("depthwise dfilters", one.dfilters, t.dfilters, t.s.batch * t.s.out_height() * t.s.out_width());
  const int threads = tern::num_threads();
  tern::set_num_threads(threads + 2);
  const Results more = run_all();
  CHECK((same_bits(one.y, more.y) && same_bits(one.dx, more.dx) && same_bits(one.dfilters, more.dfilters)));
  tern::set_num_threads(threads);
}

void check_shape(const ConvShape& s, std::mt19937& rng) {
  INFO(describe(s));
  const Problem t = make_problem(s, rng);
  const int threads = tern::num_threads();
  for (const tern::Isa isa : tern::available_isas()) {
    tern::set_active_isa(isa);
    INFO("isa " << tern::name_of(isa));
    tern::set_num_threads(1);
    const Results one = run(t);
    check_near("y", one.y, t.y, s.channels / s.groups * s.kernel_h * s.kernel_w);
    check_near("dx", one.dx, t.dx, s.outputs / s.groups * s.kernel_h * s.kernel_w);
    check_near("dfilters", one.dfilters, t.dfilters, s.batch * s.out_height() * s.out_width());
    check_winograd(t);
    check_depthwise(t);
    for (const int n : {2, 3}) {
      tern::set_num_threads(n);
      const Results more = run(t);
      CHECK(same_bits(one.y, more.y));
      CHECK(same_bits(one.dx, more.dx));
      CHECK(same_bits(one.dfilters, more.dfilters));
    }
  }
  tern::reset_active_isa();
  tern::set_num_threads(threads);
}

ConvShape square(i64 n, i64 c, i64 o, i64 extent, i64 kernel, i64 stride, i64 pad, i64 dilation = 1, i64 groups = 1) {
  ConvShape s{n, c, extent, extent, o, kernel, kernel, stride, stride, pad, pad, dilation, dilation, groups};
  REQUIRE(fits(s));
  return s;
}

}  // namespace

TEST_CASE("conv kernels: the forced instruction set is the one that runs", "[ops]") {
  for (const tern::Isa isa : tern::available_isas()) {
    tern::set_active_isa(isa);
    const std::string name(tern::name_of(isa)), runs = conv::current_micro().name;
    CHECK((name == "reference" ? runs == "portable" : name.starts_with(runs)));
  }
  tern::reset_active_isa();
}

TEST_CASE("conv kernels: the ways of cutting the work", "[ops]") {
  std::mt19937 rng(7);
  check_shape(square(2, 5, 16, 32, 3, 1, 1), rng);        // narrow block, row kernels, bands of rows
  check_shape(square(2, 16, 32, 32, 3, 2, 1), rng);       // phase planes; four grids of dx, one without all taps
  check_shape(square(9, 3, 48, 7, 3, 1, 1), rng);         // wide and narrow block, several images a task
  check_shape(square(5, 8, 100, 8, 3, 1, 1), rng);        // last block partly filled
  check_shape(square(3, 6, 33, 9, 1, 1, 0), rng);         // 1x1 in place, image as one row
  check_shape(square(2, 4, 20, 40, 1, 1, 0), rng);        // 1x1 in place, rows kept
  check_shape(square(2, 4, 20, 9, 1, 2, 0), rng);         // dx grids without any tap
  check_shape(square(2, 7, 24, 10, 5, 1, 0), rng);        // no padding: forward in place
  check_shape(square(2, 130, 40, 6, 3, 1, 2, 2), rng);    // dilation; products summed in slices
  check_shape(square(1, 300, 35, 5, 3, 1, 1), rng);       // one image: lane blocks split over tasks
  check_shape(square(70, 2, 40, 5, 3, 1, 1), rng);        // several partial filter gradients
  check_shape(square(2, 12, 36, 6, 3, 1, 1, 1, 3), rng);  // groups
  check_shape(square(2, 6, 6, 11, 3, 3, 5, 1, 6), rng);   // depthwise, stride and padding beyond the filter
  check_shape(square(1, 1, 1, 1, 1, 1, 0), rng);
}

TEST_CASE("conv kernels: transformed tiles", "[ops]") {
  std::mt19937 rng(11);
  check_shape(square(2, 5, 16, 32, 3, 1, 1), rng);  // bands of tile rows, narrow block
  check_shape(square(7, 12, 48, 8, 3, 1, 1), rng);  // several images a task, wide and narrow block
  check_shape(square(2, 9, 33, 7, 3, 1, 1), rng);   // odd extents: half tiles at the edge, last block partly filled
  check_shape(square(1, 40, 70, 4, 3, 1, 1), rng);  // lane blocks split over tasks
  check_shape(square(2, 8, 20, 9, 3, 1, 0), rng);   // no padding forward, 2 backward
  check_shape(square(2, 8, 20, 6, 3, 1, 2), rng);   // 2 forward, none backward
  check_shape(square(1, 3, 4, 1, 3, 1, 1), rng);    // one pixel
  check_shape(square(1, 2, 16, 70, 3, 1, 1), rng);  // a row of tiles longer than a vector
  ConvShape tall{2, 6, 19, 5, 24, 3, 3};
  tall.pad_h = tall.pad_w = 1;
  REQUIRE(fits(tall));
  check_shape(tall, rng);
  CHECK(conv::winograd::runs(tall));
  CHECK_FALSE(conv::winograd::runs(square(1, 64, 64, 8, 3, 2, 1)));
  CHECK_FALSE(conv::winograd::runs(square(1, 64, 64, 8, 3, 1, 1, 2)));
  CHECK_FALSE(conv::winograd::runs(square(1, 64, 64, 8, 1, 1, 0)));
}

TEST_CASE("conv kernels: depthwise", "[ops]") {
  std::mt19937 rng(13);
  check_shape(square(3, 5, 5, 32, 3, 1, 1, 1, 5), rng);
  check_shape(square(2, 20, 20, 8, 5, 1, 2, 1, 20), rng);
  check_shape(square(2, 7, 7, 16, 3, 2, 1, 1, 7), rng);  // four phases
  check_shape(square(2, 7, 7, 15, 5, 2, 4, 2, 7), rng);  // dilation and stride: one phase has all taps
  check_shape(square(2, 3, 3, 9, 1, 2, 0, 1, 3), rng);   // pixels that no tap reads
  check_shape(square(2, 4, 4, 6, 3, 3, 5, 1, 4), rng);   // padding beyond the filter
  check_shape(square(1, 2, 2, 1, 1, 1, 0, 1, 2), rng);
  CHECK(conv::depthwise::suits(square(1, 8, 8, 9, 3, 1, 1, 1, 8)));
  CHECK_FALSE(conv::depthwise::suits(square(1, 8, 16, 9, 3, 1, 1, 1, 8)));
  CHECK_FALSE(conv::depthwise::suits(square(1, 8, 8, 9, 3, 1, 1, 1, 4)));
  CHECK_FALSE(conv::depthwise::suits(square(1, 1, 1, 9, 3, 1, 1)));
  for (int done = 0; done < 60;) {
    ConvShape s = random_windows(rng, 20, done % 4 == 0 ? 120 : 20);
    s.groups = s.channels = s.outputs = draw(rng, 2, 6);
    s.batch = draw(rng, 1, 3);
    if (!fits(s)) continue;
    check_shape(s, rng);
    ++done;
  }
}

TEST_CASE("conv kernels: random shapes", "[ops]") {
  const unsigned seed = 20240611;
  INFO("seed " << seed);
  std::mt19937 rng(seed);
  for (int done = 0; done < 120;) {
    ConvShape s = random_windows(rng, 18, done % 4 == 0 ? 50 : 18);
    s.groups = draw(rng, 1, 4) == 1 ? draw(rng, 2, 3) : 1;
    s.batch = draw(rng, 1, 5);
    s.channels = s.groups * draw(rng, 1, done % 7 == 0 ? 60 : 9);
    s.outputs = s.groups * draw(rng, 1, done % 5 == 0 ? 80 : 40);
    if (!fits(s)) continue;
    check_shape(s, rng);
    ++done;
  }
}

TEST_CASE("conv kernels: nothing outside the tensors is touched", "[ops]") {
  std::mt19937 rng(5);
  const std::vector<ConvShape> shapes = {square(2, 3, 17, 7, 3, 1, 1),  square(1, 5, 33, 16, 3, 2, 1),
                                         square(3, 4, 16, 33, 3, 1, 1), square(2, 6, 40, 5, 1, 1, 0),
                                         square(1, 2, 20, 9, 5, 3, 2),  square(2, 9, 31, 13, 2, 2, 0)};
  for (const ConvShape& s : shapes) {
    const Problem t = make_problem(s, rng);
    for (const tern::Isa isa : tern::available_isas()) {
      tern::set_active_isa(isa);
      for (const bool end : {false, true}) {
        using tern::testing::GuardedFloats;
        const GuardedFloats x(t.x, end), filters(t.filters, end), bias(t.bias, end), dy(t.dy, end);
        const GuardedFloats y(t.y.size(), end), dx(t.dx.size(), end), df(t.dfilters.size(), end);
        conv::implicit::forward(s, x.data(), filters.data(), bias.data(), y.data());
        conv::implicit::backward_data(s, dy.data(), filters.data(), dx.data());
        conv::implicit::backward_filters(s, x.data(), dy.data(), df.data());
        const Results r = run(t);
        if (conv::winograd::runs(s)) {
          const GuardedFloats wy(t.y.size(), end), wdx(t.dx.size(), end);
          conv::winograd::forward(s, x.data(), filters.data(), bias.data(), wy.data());
          conv::winograd::backward_data(s, dy.data(), filters.data(), wdx.data());
          const GuardedFloats wdf(t.dfilters.size(), end);
          conv::winograd::backward_filters(s, x.data(), dy.data(), wdf.data());
        }
        CHECK(std::memcmp(r.y.data(), y.data(), y.size() * sizeof(float)) == 0);
        CHECK(std::memcmp(r.dx.data(), dx.data(), dx.size() * sizeof(float)) == 0);
        CHECK(std::memcmp(r.dfilters.data(), df.data(), df.size() * sizeof(float)) == 0);
      }
    }
  }
  tern::reset_active_isa();
}

TEST_CASE("conv kernels: an empty batch gives a zero filter gradient", "[ops]") {
  ConvShape s = square(0, 3, 20, 6, 3, 1, 1);
  std::vector<float> df(static_cast<std::size_t>(20 * 3 * 9), 1.0f);
  conv::implicit::forward(s, nullptr, df.data(), nullptr, nullptr);
  conv::implicit::backward_data(s, nullptr, df.data(), nullptr);
  conv::implicit::backward_filters(s, nullptr, nullptr, df.data());
  for (const float v : df) CHECK(v == 0.0f);
}

TEST_CASE("conv kernels: images without pixels", "[ops]") {
  for (const auto& [h, w, groups] : {std::array<i64, 3>{0, 8, 1}, {8, 0, 1}, {0, 0, 1}, {0, 8, 2}, {8, 0, 4}}) {
    for (const i64 stride : {1, 2}) {
      ConvShape s{1, 4, h, w, groups == 4 ? 4 : 16, 3, 3, stride, stride, 2, 2, 1, 1, groups};
      REQUIRE(fits(s));
      INFO(describe(s));
      const auto outputs = static_cast<std::size_t>(s.outputs * s.out_height() * s.out_width());
      std::vector<float> filters(static_cast<std::size_t>(s.outputs * s.channels / groups * 9), 1.0f),
          bias(static_cast<std::size_t>(s.outputs));
      for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<float>(i);
      const float junk = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> y(outputs, junk), want(outputs, junk), dy(outputs, 1.0f), df(filters.size(), junk);
      float none = 0;
      conv::forward(s, &none, filters.data(), bias.data(), y.data());
      tern::kernels::im2col::forward(s, &none, filters.data(), bias.data(), want.data());
      CHECK(same_bits(y, want));
      CHECK(y.back() == bias.back());
      conv::backward_data(s, dy.data(), filters.data(), &none);
      CHECK(none == 0.0f);
      conv::backward_filters(s, &none, dy.data(), df.data());
      for (const float v : df) CHECK(v == 0.0f);
    }
  }
}

TEST_CASE("conv kernels: transformed tiles of so many channels that offsets would overflow", "[ops]") {
  // Offsets reach channels * tiles of an image.
  CHECK(conv::winograd::suits_backward_filters(square(1, i64{1} << 16, 96, 256, 3, 1, 1)));
  CHECK_FALSE(conv::winograd::suits_backward_filters(square(1, i64{1} << 17, 96, 256, 3, 1, 1)));
}

// Entropy coding of codes: the worked example, round trips close to the entropy, and damaged streams.
#include <cmath>
#include <numeric>

#include "catch.hpp"
#include "packed/rans.hpp"
#include "support.hpp"
#include "tern/error.hpp"

using namespace tern;
namespace rans = packed::rans;

namespace {

using Indices = std::vector<std::uint8_t>;
using Bytes = std::vector<std::byte>;

Indices skewed(Rng& rng, std::size_t n, std::size_t levels, double decay) {
  Indices out(n);
  for (auto& s : out) {
    std::size_t v = 0;
    while (v + 1 < levels && rng.uniform() < decay) ++v;
    s = static_cast<std::uint8_t>(v);
  }
  return out;
}

double entropy_bytes(const Indices& indices) {
  std::vector<double> counts(256, 0);
  for (const std::uint8_t s : indices) counts[s] += 1;
  double bits = 0;
  for (const double c : counts) bits += c > 0 ? c * std::log2(static_cast<double>(indices.size()) / c) : 0;
  return bits / 8;
}

std::string problem(const Bytes& bytes, std::size_t levels, std::size_t n) {
  Indices out(n);
  return rans::decode(bytes, levels, out).what;
}

}  // namespace

TEST_CASE("rans: the worked example of docs/file-format.md") {
  // Frequencies 1024 2048 1024 and x = 2^23 before the first of 1 1 2 0 1 1 0 2, taken from the last on.
  const Indices indices{1, 1, 2, 0, 1, 1, 0, 2};
  const Bytes bytes = rans::encode(indices, 3);
  std::vector<int> plain;
  for (const std::byte b : bytes) plain.push_back(static_cast<int>(b));
  CHECK(plain == std::vector<int>{0x00, 0x04, 0x00, 0x08, 0x00, 0x04, 0xc8, 0x34, 0x00, 0x08, 0x00});
  Indices back(indices.size());
  CHECK(rans::decode(bytes, 3, back).what.empty());
  CHECK(back == indices);
}

TEST_CASE("rans: frequencies sum up to 4096, and none that is needed is 0") {
  using Counts = std::vector<std::size_t>;
  CHECK(rans::frequencies(Counts{1, 2, 1}) == std::vector<std::uint32_t>{1024, 2048, 1024});
  CHECK(rans::frequencies(Counts{0, 7, 0}) == std::vector<std::uint32_t>{0, 4096, 0});
  CHECK(rans::frequencies(Counts{1, 1'000'000, 1}) == std::vector<std::uint32_t>{1, 4094, 1});
  CHECK(rans::frequencies(Counts{1, 1, 1}) == std::vector<std::uint32_t>{1366, 1365, 1365});
  Rng rng(1);
  for (int round = 0; round < 300; ++round) {
    Counts counts(1 + rng.below(256));
    for (auto& c : counts) c = rng.below(3) == 0 ? 0 : std::size_t{1} << rng.below(40);
    counts[rng.below(counts.size())] += 1;
    const auto f = rans::frequencies(counts);
    CHECK(std::accumulate(f.begin(), f.end(), 0u) == rans::kTotal);
    for (std::size_t i = 0; i < counts.size(); ++i) CHECK((f[i] > 0) == (counts[i] > 0));
  }
}

TEST_CASE("rans: round trips, within a hundredth of the entropy") {
  Rng rng(2);
  for (const std::size_t levels : std::vector<std::size_t>{1, 2, 3, 5, 16, 255, 256}) {
    for (const double decay : {0.02, 0.3, 0.6, 0.97}) {
      for (const std::size_t n : std::vector<std::size_t>{1, 2, 63, 1000, 20'000}) {
        INFO("levels " << levels << ", decay " << decay << ", n " << n);
        const Indices indices = skewed(rng, n, levels, decay);
        const Bytes bytes = rans::encode(indices, levels);
        Indices back(n, 77);
        CHECK(rans::decode(bytes, levels, back).what.empty());
        CHECK(back == indices);
        if (n == 20'000)
          CHECK(static_cast<double>(bytes.size()) <
                2.0 * static_cast<double>(levels) + 8 + 1.01 * entropy_bytes(indices));
      }
    }
  }
}

TEST_CASE("rans: every truncation, every appended byte and every forged head is refused") {
  Rng rng(3);
  const Indices indices = skewed(rng, 500, 3, 0.4);
  const Bytes good = rans::encode(indices, 3);
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK_FALSE(problem(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)), 3, 500).empty());
  Bytes bad = good;
  bad.push_back(std::byte{0});
  CHECK_FALSE(problem(bad, 3, 500).empty());
  CHECK_FALSE(problem(good, 3, 499).empty());
  CHECK_FALSE(problem(good, 3, 501).empty());
  CHECK_FALSE(problem(good, 2, 500).empty());
  bad = good;
  bad[1] ^= std::byte{1};
  CHECK_THAT(problem(bad, 3, 500), ContainsSubstring("4096"));
  bad = good;
  bad[9] = std::byte{0x80};  // 2^31 and more
  CHECK_THAT(problem(bad, 3, 500), ContainsSubstring("start"));
  bad[9] = bad[8] = std::byte{0};
  CHECK_THAT(problem(bad, 3, 500), ContainsSubstring("start"));
}

TEST_CASE("rans: flipped bits and random bytes decode to something else or to an error, within bounds") {
  Rng rng(4);
  const Indices indices = skewed(rng, 200, 5, 0.5);
  const Bytes good = rans::encode(indices, 5);
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    Indices back(indices.size());
    const bool ok = rans::decode(bad, 5, back).what.empty();
    CHECK_FALSE((ok && back == indices));
    refused += !ok;
    for (const std::uint8_t s : back) REQUIRE(s < 5);
  }
  CHECK(refused > static_cast<int>(7 * good.size()));  // the end state gives most of them away
  for (int round = 0; round < 2000; ++round) {
    Bytes bad(rng.below(600));
    for (auto& b : bad) b = static_cast<std::byte>(rng.below(256));
    const std::size_t levels = 1 + rng.below(256);
    if (bad.size() > 2 * levels && rng.below(4) != 0) {  // a head that passes
      const auto f = rans::frequencies(std::vector<std::size_t>(levels, 1));
      for (std::size_t i = 0; i < levels; ++i) {
        bad[2 * i] = static_cast<std::byte>(f[i] & 0xff);
        bad[2 * i + 1] = static_cast<std::byte>(f[i] >> 8);
      }
    }
    Indices back(rng.below(2000));
    rans::decode(bad, levels, back);
    for (const std::uint8_t s : back) REQUIRE(s < levels);
  }
}

TEST_CASE("rans: chosen where it is the smallest, and never below an eighth of a bit an element") {
  Rng rng(5);
  const auto choice = [](const std::vector<std::int8_t>& codes) { return packed::name_of(packed::choose(codes)); };
  std::vector<std::int8_t> sparse(5000, 0);
  for (int i = 0; i < 400; ++i) sparse[rng.below(sparse.size())] = static_cast<std::int8_t>(rng.below(2) == 0 ? 1 : -1);
  CHECK(choice(sparse) == "rans");
  CHECK(choice(std::vector<std::int8_t>(5000, 0)) == "1-bit");  // 6 bytes cannot stand for so many
  CHECK(choice(std::vector<std::int8_t>(300, 0)) == "rans");

  packed::Model m;
  m.graph = Graph::parse("tern-graph 1\nx = input() shape=1x1x1\n");
  m.blobs["w"] = packed::Blob::of_codes({50, 100}, sparse);
  const auto bytes = packed::encode(m);
  CHECK(packed::decode(bytes).blobs == m.blobs);
  const auto info = packed::inspect(bytes);
  CHECK(info.blobs.at(0).encoding == "rans");
  CHECK(info.blobs.at(0).bytes < 5000 / 8);
}

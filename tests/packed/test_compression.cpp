// Compression ratios worked out by hand.
#include "catch.hpp"
#include "tern/packed.hpp"

using namespace tern;
using packed::Blob;

namespace {

Blob codes(std::int64_t n, std::int8_t a, std::int8_t b) {
  std::vector<std::int8_t> v(static_cast<std::size_t>(n), a);
  for (std::size_t i = 0; i < v.size(); i += 2) v[i] = b;
  return Blob::of_codes(Shape{n}, v);
}

}  // namespace

TEST_CASE("compression: a 2-bit network of ResNet-18's size is 16 times smaller") {
  packed::Model m;
  Blob b = codes(11'164'352, -1, 1);
  b.codes[1] = 0;
  m.blobs["conv.weight"] = b;
  const packed::Compression c = packed::compression(m, 11'164'352 / 4);
  CHECK(c.bits == 2);
  CHECK(c.paper == Approx(16.0));
  CHECK(c.strict == Approx(16.0));
  CHECK(c.packed5 == Approx(20.0));
  CHECK(c.file == Approx(16.0));
  CHECK(c.own == Approx(16.0));
}

TEST_CASE("compression: unquantized layers and scales count in the strict ratio only") {
  packed::Model m;
  m.blobs["a.weight"] = codes(1000, -1, 1);  // binary: two levels, 1 bit
  m.blobs["a.scale_pos"] = Blob::of_floats(Shape{10}, std::vector<float>(10, 1.0f));
  m.blobs["b.weight"] = Blob::of_floats(Shape{100}, std::vector<float>(100, 0.5f));
  m.blobs["b.bias"] = Blob::of_floats(Shape{5}, std::vector<float>(5, 0.5f));
  const packed::Compression c = packed::compression(m, 1000);
  CHECK(c.weights == 1100);
  CHECK(c.bits == 1);
  CHECK(c.paper == Approx(32.0 * 11'164'352 / 1100));
  CHECK(c.strict == Approx(32.0 * 11'164'352 / (1000 + 320 + 3200)));
  CHECK(c.packed5 == Approx(c.strict));
  CHECK(c.own == Approx(32.0 * 1100 / 8000));
  CHECK(packed::compression({}, 100).paper == 0);
}

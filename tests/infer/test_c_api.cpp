#include <limits>

#include "builder.hpp"
#include "catch.hpp"
#include "tern/tern.h"

using namespace tern;

TEST_CASE("C interface: load from memory, classify, errors as text") {
  test::Builder b(3);
  b.linear(b.plain("flatten", {b.input("1x4x5")}), 3, {});
  const auto bytes = packed::encode(b.model);
  tern_model* net = tern_load_memory(bytes.data(), bytes.size());
  REQUIRE(net != nullptr);
  CHECK(tern_channels(net) == 1);
  CHECK(tern_height(net) == 4);
  CHECK(tern_width(net) == 5);
  CHECK(tern_classes(net) == 3);
  const auto images = b.images(2);
  std::vector<float> logits(6);
  std::vector<std::int32_t> classes(2, -1);
  CHECK(tern_run(net, images.data(), 2, logits.data()) == 0);
  CHECK(tern_classify(net, images.data(), 2, classes.data()) == 0);
  infer::Session s(b.model);
  CHECK(s.run(images, 2) == logits);
  CHECK(s.predict(images, 2) == classes);
  CHECK(tern_run(net, images.data(), -1, logits.data()) == -1);
  CHECK(std::string(tern_error()).find("expected") != std::string::npos);
  for (const std::int64_t n :
       {std::int64_t{1} << 60, std::int64_t{1} << 62, std::numeric_limits<std::int64_t>::max()}) {
    CHECK(tern_run(net, images.data(), n, logits.data()) == -1);
    CHECK(std::string(tern_error()).find("expected") != std::string::npos);
    CHECK(tern_classify(net, images.data(), n, classes.data()) == -1);
    CHECK(std::string(tern_error()).find("expected") != std::string::npos);
  }
  tern_free(net);
  tern_free(nullptr);

  CHECK(tern_load("/nonexistent.tern") == nullptr);
  CHECK(std::string(tern_error()).find("/nonexistent.tern") != std::string::npos);
  CHECK(tern_load_memory(bytes.data(), bytes.size() - 1) == nullptr);
  CHECK(std::string(tern_isa()) != "");
}

#include <limits>

#include "builder.hpp"
#include "catch.hpp"
#include "core/version.hpp"
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

TEST_CASE("C interface: NULL is an error with a text, never a crash") {
  test::Builder b(3);
  b.linear(b.plain("flatten", {b.input("1x4x5")}), 3, {});
  const auto bytes = packed::encode(b.model);
  tern_model* net = tern_load_memory(bytes.data(), bytes.size());
  REQUIRE(net != nullptr);
  const std::vector<std::uint8_t> image(20);
  std::vector<float> logits(3);
  std::int32_t found = 7;
  const auto failed = [](auto result, const std::string& text) {
    INFO(tern_error());
    CHECK(result == decltype(result)(-1));
    CHECK(std::string(tern_error()).find(text) != std::string::npos);
  };
  const auto failed_load = [](tern_model* model, const std::string& text) {
    INFO(tern_error());
    CHECK(model == nullptr);
    CHECK(std::string(tern_error()).find(text) != std::string::npos);
  };
  failed_load(tern_load(nullptr), "expected a path; got NULL");
  failed_load(tern_load_with(nullptr, nullptr), "expected a path; got NULL");
  failed_load(tern_load_memory(nullptr, 100), "expected the bytes of a file; got NULL");
  failed_load(tern_load_memory(nullptr, 0), "expected the bytes of a file; got NULL");
  failed_load(tern_load_memory(bytes.data(), 0), "<memory>");
  failed(tern_channels(nullptr), "[tern_channels] expected a model; got NULL");
  failed(tern_height(nullptr), "[tern_height]");
  failed(tern_width(nullptr), "[tern_width]");
  failed(tern_classes(nullptr), "[tern_classes]");
  failed(tern_run(nullptr, image.data(), 1, logits.data()), "[tern_run] expected a model; got NULL");
  failed(tern_run(net, nullptr, 1, logits.data()), "[tern_run] expected images; got NULL");
  failed(tern_run(net, image.data(), 1, nullptr), "[tern_run] expected room for logits; got NULL");
  failed(tern_run(net, nullptr, -1, nullptr), "expected n x");
  failed(tern_classify(nullptr, image.data(), 1, &found), "[tern_classify] expected a model; got NULL");
  failed(tern_classify(net, nullptr, 1, &found), "[tern_classify] expected images; got NULL");
  failed(tern_classify(net, image.data(), 1, nullptr), "[tern_classify] expected room for classes; got NULL");
  failed(tern_classify(net, image.data(), -1, &found), "expected n x");
  CHECK(found == 7);
  CHECK(tern_run(net, nullptr, 0, nullptr) == 0);
  CHECK(tern_classify(net, nullptr, 0, nullptr) == 0);
  tern_free(net);
}

TEST_CASE("C interface: options of loading") {
  test::Builder b(3);
  b.linear(b.plain("flatten", {b.input("1x4x5")}), 3, {});
  const auto bytes = packed::encode(b.model);
  tern_options options = TERN_OPTIONS;
  tern_model* net = tern_load_memory_with(bytes.data(), bytes.size(), &options);
  CHECK(net != nullptr);
  tern_free(net);
  options.max_work = 100;
  CHECK(tern_load_memory_with(bytes.data(), bytes.size(), &options) == nullptr);
  CHECK(std::string(tern_error()).find("max_work") != std::string::npos);
  options = TERN_OPTIONS;
  options.threads = -1;
  CHECK(tern_load_memory_with(bytes.data(), bytes.size(), &options) == nullptr);
  CHECK(std::string(tern_error()).find("threads") != std::string::npos);
  CHECK(std::string(tern_version()) == TERN_VERSION);
}

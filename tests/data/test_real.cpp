// The real data sets, where they are: the system's Fashion-MNIST, and what TERN_DATA leads to. A missing one is skipped
// with a warning.
#include <cstdlib>

#include "files.hpp"

namespace {

tern::LoadOptions options() {
  tern::LoadOptions o;
  if (const char* path = std::getenv("TERN_DATA")) o.search_path = tern::split_path_list(path);
  return o;
}

bool present(const char* name) {
  if (!tern::find_dataset(name, options()).empty()) return true;
  WARN("SKIPPED: " << name << " is not here (name its folder in TERN_DATA)");
  return false;
}

void check_set(const tern::Dataset& set, tern::ImageShape shape, std::int64_t train_each, std::int64_t test_each) {
  CHECK(set.train.shape() == shape);
  CHECK(set.test.shape() == shape);
  CHECK(tern::summarize(set.train, 10).per_class == std::vector<std::int64_t>(10, train_each));
  CHECK(tern::summarize(set.test, 10).per_class == std::vector<std::int64_t>(10, test_each));
}

}  // namespace

TEST_CASE("real: fashion-mnist", "[data][real]") {
  if (!present("fashion-mnist")) return;
  const tern::Dataset set = tern::load_dataset("fashion-mnist", options());
  check_set(set, {1, 28, 28}, 6000, 1000);
  const tern::ImagesSummary s = tern::summarize(set.train, 10);
  CHECK(s.mean[0] == Approx(set.mean[0]).margin(5e-5));  // the published constants have four digits
  CHECK(s.std[0] == Approx(set.std[0]).margin(5e-5));
  CHECK(set.train.labels[0] == 9);
  CHECK(set.test.labels[0] == 9);

  tern::LoadOptions embedded;
  embedded.system_dir = "";
  const tern::Dataset mini = tern::load_dataset("fashion-mnist-mini", embedded);
  tern::LoadOptions limited = options();
  limited.limit_train = 8000;
  limited.limit_test = 2000;
  const tern::Dataset part = tern::load_dataset("fashion-mnist", limited);
  CHECK(part.train.pixels == mini.train.pixels);
  CHECK(part.train.labels == mini.train.labels);
  CHECK(part.test.pixels == mini.test.pixels);
  CHECK(part.test.labels == mini.test.labels);
}

TEST_CASE("real: mnist", "[data][real]") {
  if (!present("mnist")) return;
  const tern::Dataset set = tern::load_dataset("mnist", options());
  CHECK(set.train.count() == 60000);
  CHECK(set.test.count() == 10000);
  CHECK(set.train.labels[0] == 5);
  CHECK(tern::summarize(set.train, 10).mean[0] == Approx(set.mean[0]).margin(5e-5));
}

TEST_CASE("real: cifar10-jpeg", "[data][real]") {
  if (!present("cifar10-jpeg")) return;
  const tern::Dataset set = tern::load_dataset("cifar10-jpeg", options());
  check_set(set, {3, 32, 32}, 5000, 1000);
  // Official order: frog, truck, truck, deer, automobile; and the test part cat, ship, ship, airplane, frog.
  CHECK(std::vector<std::int32_t>(set.train.labels.begin(), set.train.labels.begin() + 5) ==
        std::vector<std::int32_t>{6, 9, 9, 4, 1});
  CHECK(std::vector<std::int32_t>(set.test.labels.begin(), set.test.labels.begin() + 5) ==
        std::vector<std::int32_t>{3, 8, 8, 0, 6});
}

TEST_CASE("real: tiny-imagenet-10", "[data][real]") {
  if (!present("tiny-imagenet-10")) return;
  const tern::Dataset set = tern::load_dataset("tiny-imagenet-10", options());
  check_set(set, {3, 64, 64}, 500, 50);
  CHECK(set.class_names.at(0) == "king penguin");
}

#include "files.hpp"

using files::Bytes;
using tern::Dataset;
using tern::LoadOptions;

namespace {

/// A complete set in MNIST's layout: `n` images of `pixel`, labels going round.
void write_set(const std::string& folder, std::uint8_t pixel, std::uint32_t n = 20) {
  for (const char* stem : {"train", "t10k"}) {
    Bytes labels;
    for (std::uint32_t i = 0; i < n; ++i) labels.push_back(static_cast<std::uint8_t>(i % 10));
    files::write(folder + "/" + stem + "-images-idx3-ubyte.gz",
                 files::gzip(files::idx({n, 28, 28}, Bytes(n * 784, pixel))));
    files::write(folder + "/" + stem + "-labels-idx1-ubyte.gz", files::gzip(files::idx({n}, labels)));
  }
}

LoadOptions in(const files::TempDir& dir) {
  LoadOptions o;
  o.data_dir = dir / "data_dir";
  o.search_path = {dir / "path1", dir / "path2"};
  o.system_dir = dir / "system";
  o.embedded_dir = dir / "embedded";
  return o;
}

}  // namespace

TEST_CASE("load_dataset: search order", "[data]") {
  const files::TempDir dir;
  const LoadOptions o = in(dir);
  CHECK(tern::find_dataset("mnist", o).empty());
  const std::vector<std::string> places{"embedded/mnist", "system/mnist", "path2/mnist",
                                        "path1/mnist",    "data_dir",     "data_dir/mnist"};
  std::uint8_t pixel = 1;
  for (const std::string& place : places) {
    write_set(dir / place, pixel);
    CHECK(tern::find_dataset("mnist", o) == dir / place);
    const Dataset set = tern::load_dataset("mnist", o);
    CHECK(set.source == dir / place);
    CHECK(set.name == "mnist");
    CHECK(set.train.pixels[0] == pixel);
    ++pixel;
  }
  // A folder of the search path is no data set itself: fashion-mnist's files have the same names.
  LoadOptions direct;
  direct.search_path = {dir / "path1/mnist"};
  direct.system_dir = direct.embedded_dir = dir / "nowhere";
  CHECK(tern::find_dataset("mnist", direct).empty());
}

TEST_CASE("load_dataset: a missing set says where it looked and how to get it", "[data]") {
  const files::TempDir dir;
  const LoadOptions o = in(dir);
  for (const char* place : {"data_dir", "path1", "path2", "system", "embedded"}) {
    CHECK_THROWS_WITH(tern::load_dataset("cifar10", o),
                      ContainsSubstring(dir / place + "/cifar10") &&
                          ContainsSubstring("datasets/fetch --into DIR cifar10, then --data-dir DIR or TERN_DATA=DIR"));
  }
  CHECK_THROWS_AS(tern::load_dataset("cifar10", o), tern::IoError);
  CHECK_THROWS_WITH(tern::load_dataset("fashion-mnist", o), ContainsSubstring("apt install dataset-fashion-mnist"));
  CHECK_THROWS_WITH(tern::load_dataset("imagenet", o), ContainsSubstring("fashion-mnist, fashion-mnist-mini, mnist"));
  CHECK_THROWS_AS(tern::load_dataset("imagenet:/x", o), tern::ValueError);
  CHECK_THROWS_AS(tern::find_dataset("imagenet", o), tern::ValueError);
}

TEST_CASE("load_dataset: the small set stands in for the full one, and says so", "[data]") {
  const files::TempDir dir;
  const LoadOptions o = in(dir);
  write_set(dir / "embedded/fashion-mnist-mini", 7);
  const Dataset small = tern::load_dataset("fashion_mnist", o);
  CHECK(small.name == "fashion-mnist-mini");
  CHECK_THAT(small.source, ContainsSubstring("because fashion-mnist is not here") &&
                               ContainsSubstring(dir / "embedded/fashion-mnist-mini"));
  write_set(dir / "system/fashion-mnist", 8);
  CHECK(tern::load_dataset("fashion-mnist", o).name == "fashion-mnist");
  // A damaged full set is an error, not a reason to train on something else.
  files::write(dir / "system/fashion-mnist/t10k-labels-idx1-ubyte.gz", Bytes{1, 2, 3});
  CHECK_THROWS_AS(tern::load_dataset("fashion-mnist", o), tern::FormatError);
}

TEST_CASE("load_dataset: the embedded set is where the library looks", "[data]") {
  LoadOptions o;
  o.system_dir = "";
  const Dataset set = tern::load_dataset("fashion-mnist", o);
  CHECK(set.name == "fashion-mnist-mini");
  CHECK(set.train.count() == 8000);
  CHECK(set.test.count() == 2000);
  CHECK(tern::summarize(set.train, 10).per_class == std::vector<std::int64_t>(10, 800));
  CHECK(tern::summarize(set.test, 10).per_class == std::vector<std::int64_t>(10, 200));
  CHECK(set.mean == std::vector<float>{0.2860f});
  CHECK(set.std == std::vector<float>{0.3530f});
}

TEST_CASE("load_dataset: limits, channels, size", "[data]") {
  const files::TempDir dir;
  write_set(dir / "mnist", 9, 40);
  const std::string name = "mnist:" + (dir / "mnist");
  LoadOptions o;
  o.limit_train = 25;
  o.limit_test = 10;
  Dataset set = tern::load_dataset(name, o);
  CHECK(set.train.count() == 25);
  CHECK(tern::summarize(set.test, 10).per_class == std::vector<std::int64_t>(10, 1));
  o = {};
  o.channels = 3;
  set = tern::load_dataset(name, o);
  CHECK(set.train.shape() == tern::ImageShape{3, 28, 28});
  CHECK(set.mean == std::vector<float>(3, 0.1307f));  // the constants of the grey pixels, copied with them
  o.size = 32;
  set = tern::load_dataset(name, o);
  CHECK(set.test.shape() == tern::ImageShape{3, 32, 32});
  CHECK(set.mean.at(2) == Approx(9.0 / 255));  // other pixels, other constants
  CHECK(set.std == std::vector<float>(3, 1.0f));
  const auto bad = [&](auto&& change) {
    LoadOptions b;
    change(b);
    CHECK_THROWS_AS(tern::load_dataset(name, b), tern::ValueError);
  };
  bad([](LoadOptions& b) { b.channels = 2; });
  bad([](LoadOptions& b) { b.size = -1; });
  bad([](LoadOptions& b) { b.size = 5000; });
  bad([](LoadOptions& b) { b.limit_test = -1; });
}

TEST_CASE("register_dataset: a set from outside", "[data]") {
  tern::DatasetEntry entry;
  entry.name = "two-greys";
  entry.summary = "a test";
  entry.how_to_get = "write it";
  entry.places = {"two-greys"};
  entry.load = [](const std::string&, const LoadOptions&) {
    Dataset set;
    set.class_names = {"dark", "light"};
    set.train = set.test = {1, 1, 1, {0, 255}, {0, 1}};
    return set;
  };
  tern::register_dataset(entry);
  CHECK(tern::datasets().back().name == "two-greys");
  CHECK(tern::datasets().front().name == "fashion-mnist");
  const files::TempDir dir;
  files::write(dir / "two-greys/x", {});
  LoadOptions o;
  o.data_dir = dir.path();
  const Dataset set = tern::load_dataset("two-greys", o);
  CHECK(set.name == "two-greys");
  CHECK(set.mean == std::vector<float>{0.5f});
  CHECK(set.std == std::vector<float>{0.5f});
  CHECK_THROWS_AS(tern::register_dataset(entry), tern::ValueError);
  entry.name = "Two";
  CHECK_THROWS_AS(tern::register_dataset(entry), tern::ValueError);
  entry.name = "bad-labels";
  entry.load = [](const std::string&, const LoadOptions&) {
    Dataset bad;
    bad.class_names = {"only"};
    bad.train = {1, 1, 1, {0}, {1}};
    return bad;
  };
  tern::register_dataset(entry);
  CHECK_THROWS_AS(tern::load_dataset("bad-labels:" + dir.path()), tern::FormatError);
  entry.name = "no-loader";
  entry.load = nullptr;
  CHECK_THROWS_AS(tern::register_dataset(entry), tern::ValueError);
}

TEST_CASE("datasets: every row has what `tern data` shows", "[data]") {
  for (const tern::DatasetEntry& e : tern::datasets()) {
    CAPTURE(e.name);
    CHECK_FALSE(e.summary.empty());
    CHECK_FALSE(e.how_to_get.empty());
    CHECK(e.load);
  }
}

TEST_CASE("split_path_list", "[data]") {
  using V = std::vector<std::string>;
  CHECK(tern::split_path_list("") == V{});
  CHECK(tern::split_path_list("/a") == V{"/a"});
  CHECK(tern::split_path_list(":/a::b/c:") == V{"/a", "b/c"});
}

#include "data/registry.hpp"
#include "files.hpp"
#include "registration.hpp"

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

TEST_CASE("load_dataset: files as others name and place them", "[data]") {
  const auto rename_with_dots = [](const std::string& folder) {
    for (std::string part : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"}) {
      const std::string from = folder + "/" + part + "-ubyte.gz";
      part[part.rfind('-')] = '.';
      std::filesystem::rename(from, folder + "/" + part + "-ubyte.gz");
    }
  };
  int grey = 10;
  for (const char* place : {"mnist", "mnist/raw", "MNIST", "MNIST/raw"}) {
    for (const bool dots : {false, true}) {
      CAPTURE(place, dots);
      const files::TempDir dir;
      write_set(dir / place, static_cast<std::uint8_t>(++grey));
      if (dots) rename_with_dots(dir / place);
      LoadOptions o;
      o.data_dir = dir.path();
      CHECK(tern::load_dataset("mnist", o).train.pixels.at(0) == grey);
    }
  }
  const files::TempDir dir;
  LoadOptions o = in(dir);
  CHECK_THROWS_WITH(tern::load_dataset("mnist", o),
                    ContainsSubstring("train-images.idx3-ubyte") && ContainsSubstring("raw/"));
  CHECK_THROWS_WITH(tern::load_dataset("cifar10", o), ContainsSubstring("not the one for Python"));
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
  o.shape.channels = 3;
  set = tern::load_dataset(name, o);
  CHECK(set.train.shape() == tern::ImageShape{3, 28, 28});
  CHECK(set.mean == std::vector<float>(3, 0.1307f));  // the constants of the grey pixels, copied with them
  o.shape.height = o.shape.width = 32;
  set = tern::load_dataset(name, o);
  CHECK(set.test.shape() == tern::ImageShape{3, 32, 32});
  CHECK(set.mean.at(2) == Approx(9.0 / 255));  // other pixels, other constants
  CHECK(set.std == std::vector<float>(3, 1.0f));
  const auto bad = [&](auto&& change) {
    LoadOptions b;
    change(b);
    CHECK_THROWS_AS(tern::load_dataset(name, b), tern::ValueError);
  };
  bad([](LoadOptions& b) { b.shape.channels = 2; });
  bad([](LoadOptions& b) { b.shape = {0, -1, -1}; });
  bad([](LoadOptions& b) { b.shape = {0, 5000, 5000}; });
  bad([](LoadOptions& b) { b.shape = {0, 8, 0}; });
  bad([](LoadOptions& b) { b.limit_test = -1; });
}

TEST_CASE("register_dataset: a set from outside", "[data][register]") {
  const files::TempDir dir;
  files::write(dir / "for-a-test/x", {});
  const auto entry = [](const std::string& name, std::int32_t label) {
    tern::DatasetEntry e;
    e.name = name;
    e.summary = "a test";
    e.how_to_get = "write it";
    e.places = {"for-a-test"};
    e.load = [label](const std::string&, const LoadOptions&) {
      Dataset set;
      set.class_names = {"dark", "light"};
      set.train = set.test = {1, 1, 1, {0, 255}, {0, label}};
      return set;
    };
    return e;
  };
  tern::testing::check_registration(
      tern::dataset_registry(),
      [&](const std::string& name, bool whole) {
        tern::DatasetEntry e = entry(name, 1);
        if (!whole) e.load = nullptr;
        tern::register_dataset(e);
      },
      tern::datasets, [](const tern::DatasetEntry& row) { return row.name; },
      [&](const std::string& name) {
        LoadOptions o;
        o.data_dir = dir.path();
        const Dataset set = tern::load_dataset(name, o);
        CHECK(set.name == "for-a-test");
        CHECK(set.mean == std::vector<float>{0.5f});
        CHECK(set.std == std::vector<float>{0.5f});
        CHECK(tern::find_dataset("for-a-test", o) == tern::find_dataset("for_a_test", o));
      });
  tern::register_dataset(entry("bad-labels", 2));
  const tern::testing::Removal removal(tern::dataset_registry(), "bad-labels");
  CHECK_THROWS_AS(tern::load_dataset("bad-labels:" + dir.path()), tern::FormatError);
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

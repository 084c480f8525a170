// Pretrained weights by name: files laid out as torchvision's state dicts and as the common CIFAR implementations.
#include <algorithm>
#include <set>

#include "catch.hpp"
#include "requested_bytes.hpp"
#include "temp_dir.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"
#include "tern/numpy.hpp"

using namespace tern;

namespace {

/// A state dict of torchvision's names and shapes; the i-th tensor is filled with i.
class StateDict {
 public:
  void tensor(const std::string& name, const Shape& shape) {
    tensors.push_back({name, Tensor::full(shape, static_cast<double>(tensors.size()) + 1)});
  }
  void conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t kernel) {
    tensor(name + ".weight", Shape{out, in, kernel, kernel});
  }
  void norm(const std::string& name, std::int64_t channels) {
    for (const char* field : {".weight", ".bias", ".running_mean", ".running_var"}) tensor(name + field, Shape{channels});
    tensors.push_back({name + ".num_batches_tracked", Tensor::zeros(Shape{}, DType::kI64)});
    ++counters;
  }
  void dense(const std::string& name, std::int64_t out, std::int64_t in) {
    tensor(name + ".weight", Shape{out, in});
    tensor(name + ".bias", Shape{out});
  }
  std::vector<NamedTensor> tensors;
  std::int64_t counters = 0;
};

StateDict resnet(const std::vector<int>& blocks, bool bottleneck) {
  StateDict d;
  d.conv("conv1", 64, 3, 7);
  d.norm("bn1", 64);
  std::int64_t in = 64;
  for (std::size_t stage = 0; stage < 4; ++stage) {
    const std::int64_t width = 64 << stage, out = bottleneck ? 4 * width : width;
    for (int b = 0; b < blocks[stage]; ++b) {
      const std::string p = "layer" + std::to_string(stage + 1) + "." + std::to_string(b) + ".";
      if (bottleneck) {
        d.conv(p + "conv1", width, in, 1);
        d.norm(p + "bn1", width);
        d.conv(p + "conv2", width, width, 3);
        d.norm(p + "bn2", width);
        d.conv(p + "conv3", out, width, 1);
        d.norm(p + "bn3", out);
      } else {
        d.conv(p + "conv1", width, in, 3);
        d.norm(p + "bn1", width);
        d.conv(p + "conv2", width, width, 3);
        d.norm(p + "bn2", width);
      }
      if (b == 0 && (stage > 0 || bottleneck)) {
        d.conv(p + "downsample.0", out, in, 1);
        d.norm(p + "downsample.1", out);
      }
      in = out;
    }
  }
  d.dense("fc", 1000, in);
  return d;
}

StateDict googlenet() {
  StateDict d;
  const auto basic = [&](const std::string& name, std::int64_t out, std::int64_t in, std::int64_t kernel) {
    d.conv(name + ".conv", out, in, kernel);
    d.norm(name + ".bn", out);
  };
  const auto inception = [&](const std::string& name, std::int64_t in, std::int64_t c1, std::int64_t r3, std::int64_t c3,
                             std::int64_t r5, std::int64_t c5, std::int64_t pool) {
    basic(name + ".branch1", c1, in, 1);
    basic(name + ".branch2.0", r3, in, 1);
    basic(name + ".branch2.1", c3, r3, 3);
    basic(name + ".branch3.0", r5, in, 1);
    basic(name + ".branch3.1", c5, r5, 3);
    basic(name + ".branch4.1", pool, in, 1);
  };
  const auto aux = [&](const std::string& name, std::int64_t in) {
    basic(name + ".conv", 128, in, 1);
    d.dense(name + ".fc1", 1024, 2048);
    d.dense(name + ".fc2", 1000, 1024);
  };
  basic("conv1", 64, 3, 7);
  basic("conv2", 64, 64, 1);
  basic("conv3", 192, 64, 3);
  inception("inception3a", 192, 64, 96, 128, 16, 32, 32);
  inception("inception3b", 256, 128, 128, 192, 32, 96, 64);
  inception("inception4a", 480, 192, 96, 208, 16, 48, 64);
  inception("inception4b", 512, 160, 112, 224, 24, 64, 64);
  inception("inception4c", 512, 128, 128, 256, 24, 64, 64);
  inception("inception4d", 512, 112, 144, 288, 32, 64, 64);
  inception("inception4e", 528, 256, 160, 320, 32, 128, 128);
  inception("inception5a", 832, 256, 160, 320, 32, 128, 128);
  inception("inception5b", 832, 384, 192, 384, 48, 128, 128);
  aux("aux1", 512);
  aux("aux2", 528);
  d.dense("fc", 1000, 1024);
  return d;
}

Network imagenet_network(const std::string& model) {
  ModelOptions options;
  options.input = Shape{3, 224, 224};
  options.classes = 1000;
  return Network(make_model(model, options), 1);
}

}  // namespace

TEST_CASE("import: torchvision's ResNet-18, ResNet-50 and GoogLeNet load by name", "[convert]") {
  struct Row {
    const char* model;
    StateDict dict;
    std::int64_t parameters;  // of torchvision's model, without auxiliary heads
  };
  const TempDir dir;
  for (const Row& row : {Row{"resnet18", resnet({2, 2, 2, 2}, false), 11689512}, Row{"resnet50", resnet({3, 4, 6, 3}, true), 25557032},
                         Row{"googlenet", googlenet(), 6624904}}) {
    INFO(row.model);
    write_safetensors(dir / "dict.safetensors", row.dict.tensors);
    Network net = imagenet_network(row.model);
    std::int64_t parameters = 0;
    for (const Parameter& p : net.parameters()) parameters += p.value.numel();
    CHECK(parameters == row.parameters);

    const ImportReport report = import_weights(net, read_tensors(dir / "dict.safetensors"), "dict");
    CHECK(report.missing == 0);
    CHECK(report.used == static_cast<std::int64_t>(net.state().size()));
    // Left over: counters of batch norm, and the auxiliary heads.
    for (const ImportReport::Row& r : report.rows) {
      if (r.note == "unused") CHECK((r.source.ends_with("num_batches_tracked") || r.source.starts_with("aux")));
    }
    // Each target got the values of its own source: sources hold different numbers.
    std::map<std::string, double> value_of;
    for (const NamedTensor& t : row.dict.tensors) value_of[t.name] = t.value.numel() ? t.value.to_vector()[0] : 0.0;
    std::map<std::string, Tensor> target;
    for (const NamedTensor& t : net.state()) target[t.name] = t.value;
    std::set<std::string> sources;
    for (const ImportReport::Row& r : report.rows) {
      if (!r.note.empty()) continue;
      CHECK(sources.insert(r.source).second);
      CHECK(target.at(r.target).to_vector().back() == value_of.at(r.source));
      // Same place in both: "layer2.0.downsample.1.running_var" and "layer2_0_downsample_1.running_var".
      const std::string field = r.source.substr(r.source.rfind('.') + 1);
      const std::string place = r.source.substr(0, r.source.rfind('.'));
      std::string node = r.target.substr(0, r.target.rfind('.'));
      std::string flat = place;
      std::replace(flat.begin(), flat.end(), '.', '_');
      CHECK(node == flat);
      const bool norm = r.source.find("bn") != std::string::npos || r.source.find("downsample.1") != std::string::npos;
      const std::string want = !norm ? field : field == "weight" ? "gamma" : field == "bias" ? "beta" : field;
      CHECK(r.target.substr(r.target.rfind('.') + 1) == want);
    }
  }
}

TEST_CASE("import: names of the common CIFAR implementations", "[convert]") {
  ModelOptions options;
  options.extra["shortcut"] = "B";
  Network net(make_model("resnet20", options), 1);
  SafetensorsFile file;
  for (const NamedTensor& t : net.state()) {
    std::string node = t.name.substr(0, t.name.rfind('.')), field = t.name.substr(t.name.rfind('.') + 1);
    if (field == "gamma") field = "weight";
    if (field == "beta") field = "bias";
    if (node == "fc") node = "linear";
    const std::size_t down = node.find("downsample_");
    if (down != std::string::npos) node.replace(down, 11, "shortcut.");
    for (const char* part : {"_0_", "_1_", "_2_"}) {
      const std::size_t at = node.find(part);
      if (at != std::string::npos) node[at] = node[at + 2] = '.';
    }
    file.tensors.push_back({"module." + node + "." + field, Tensor::full(t.value.shape(), 0.25)});
  }
  const ImportReport report = import_weights(net, file, "cifar");
  CHECK(report.missing == 0);
  CHECK(report.unused == 0);
}

TEST_CASE("import: nothing is copied if anything is wrong", "[convert]") {
  Network net = Network(make_model("resnet20", {}), 1);
  const auto before = net.state()[0].value.to_vector();
  SafetensorsFile file;
  file.tensors.push_back({"conv1.weight", Tensor::full(net.state()[0].value.shape(), 9)});
  file.tensors.push_back({"bn1.weight", Tensor::zeros(Shape{17})});
  CHECK_THROWS_AS(import_weights(net, file, "x"), ShapeError);
  CHECK_THROWS_WITH(import_weights(net, file, "x"), ContainsSubstring("bn1.weight") && ContainsSubstring("17"));
  CHECK(net.state()[0].value.to_vector() == before);
  file.tensors.back() = {"module.conv1.weight", Tensor::zeros(Shape{1})};
  CHECK_THROWS_WITH(import_weights(net, file, "x"), ContainsSubstring("mean the same tensor"));
  file.tensors = {{"nothing", Tensor::zeros(Shape{1})}};
  CHECK_THROWS_WITH(import_weights(net, file, "x"), ContainsSubstring("none of its tensors"));
}

TEST_CASE("import: a tensor of a dtype that is not read matters only if the network has its name", "[convert]") {
  Network net = Network(make_model("resnet20", {}), 1);
  SafetensorsFile file;
  file.path = "x.safetensors";
  file.tensors.push_back({"conv1.weight", Tensor::zeros(net.state()[0].value.shape())});
  file.unread.push_back({"mask", "BOOL", Shape{4}});
  const ImportReport report = import_weights(net, file, "x");
  CHECK(report.used == 1);
  CHECK(report.unused == 1);
  CHECK(report.rows.back().source == "mask");
  CHECK(report.rows.back().note == "unused");
  file.unread.push_back({"module.bn1.weight", "I32", Shape{16}});
  CHECK_THROWS_WITH(import_weights(net, file, "x"), ContainsSubstring("tensor \"module.bn1.weight\": unknown dtype \"I32\""));
}

TEST_CASE("import: a network is not built if the file has other shapes", "[convert]") {
  SafetensorsFile file;
  file.tensors.push_back({"net.conv1.weight", Tensor::zeros(Shape{16, 3, 3, 3})});
  ModelOptions options;
  CHECK_NOTHROW(Network(make_model("resnet20", options), 1, import_shapes(file, "x")));
  options.width = 1'000'000;
  const std::uint64_t before = testing::requested_bytes();
  CHECK_THROWS_WITH(Network(make_model("resnet20", options), 1, import_shapes(file, "x.safetensors")),
                    ContainsSubstring("x.safetensors: tensor \"net.conv1.weight\" has shape 16x3x3x3") &&
                        ContainsSubstring("needs 1000000x3x3x3"));
  CHECK(testing::requested_bytes() - before < (1 << 20));
}

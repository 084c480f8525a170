// Pretrained weights by name: files laid out as torchvision's state dicts and as the common CIFAR implementations.
#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <sstream>

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
    for (const char* field : {".weight", ".bias", ".running_mean", ".running_var"})
      tensor(name + field, Shape{channels});
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
  const auto inception = [&](const std::string& name, std::int64_t in, std::int64_t c1, std::int64_t r3,
                             std::int64_t c3, std::int64_t r5, std::int64_t c5, std::int64_t pool) {
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
  for (const Row& row :
       {Row{"resnet18", resnet({2, 2, 2, 2}, false), 11689512}, Row{"resnet50", resnet({3, 4, 6, 3}, true), 25557032},
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
  std::map<std::string, double> value_of;  // by target: every source is filled with a number of its own
  for (const NamedTensor& t : net.state()) {
    value_of[t.name] = 0.25 * static_cast<double>(value_of.size() + 1);
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
    file.tensors.push_back({"module." + node + "." + field, Tensor::full(t.value.shape(), value_of[t.name])});
  }
  const ImportReport report = import_weights(net, file, "cifar");
  CHECK(report.missing == 0);
  CHECK(report.unused == 0);
  for (const NamedTensor& t : net.state()) {
    INFO(t.name);
    CHECK(t.value.to_vector().front() == value_of[t.name]);
    CHECK(t.value.to_vector().back() == value_of[t.name]);
  }
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

TEST_CASE("import: a network is not built if the file has other shapes", "[convert]") {
  SafetensorsFile file;
  file.tensors.push_back({"net.conv1.weight", Tensor::zeros(Shape{16, 3, 3, 3})});
  ModelOptions options;
  CHECK_NOTHROW(Network(make_model("resnet20", options), 1, import_shapes(file, "x")));
  options.width = 200'000;
  const std::uint64_t before = testing::requested_bytes();
  CHECK_THROWS_WITH(Network(make_model("resnet20", options), 1, import_shapes(file, "x.safetensors")),
                    ContainsSubstring("x.safetensors: tensor \"net.conv1.weight\" has shape 16x3x3x3") &&
                        ContainsSubstring("needs 200000x3x3x3"));
  CHECK(testing::requested_bytes() - before < (1 << 20));
}

namespace {

const char* kSmall =
    "tern-graph 1\nimage = input() shape=1x4x4\nconv1 = conv2d(image) out=2 kernel=3 pad=1\nbn1 = batch_norm(conv1)\n"
    "act1 = act(bn1) kind=relu\nconv2 = conv2d(act1) out=2 kernel=3 pad=1 weights=lsq\nbn2 = batch_norm(conv2)\n"
    "g = global_avg_pool(bn2)\nf = flatten(g)\nfc = linear(f) out=3\n";

/// What a file with all of a network's tensors but those of quantizers holds; every value is 0.5.
SafetensorsFile file_for(const Network& net) {
  SafetensorsFile file;
  for (const NamedTensor& t : net.state()) {
    if (t.name.find("weight_quant") == std::string::npos)
      file.tensors.push_back({t.name, Tensor::full(t.value.shape(), 0.5)});
  }
  return file;
}

NamedTensor& tensor_of(SafetensorsFile& file, const std::string& name) {
  return *std::find_if(file.tensors.begin(), file.tensors.end(), [&](const NamedTensor& t) { return t.name == name; });
}

}  // namespace

TEST_CASE(
    "import: a missing weight, bias or tensor of a batch norm is an error unless allowed, one of a quantizer is none",
    "[convert]") {
  Network net(Graph::parse(kSmall), 1);
  const SafetensorsFile whole = file_for(net);
  const ImportReport all = import_weights(net, whole, "whole");
  CHECK(all.used == static_cast<std::int64_t>(whole.tensors.size()));
  CHECK(all.missing > 0);
  for (const ImportReport::Row& r : all.rows) CHECK((r.note.empty() || r.target.starts_with("conv2.weight_quant.")));
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    SafetensorsFile part = whole;
    part.tensors.erase(part.tensors.begin() + static_cast<std::ptrdiff_t>(i));
    INFO(whole.tensors[i].name);
    CHECK_THROWS_AS(import_weights(net, part, "part"), ValueError);
    CHECK_THROWS_WITH(import_weights(net, part, "part"),
                      ContainsSubstring("part lacks 1 tensors of this network: " + whole.tensors[i].name) &&
                          ContainsSubstring("allow_missing"));
    CHECK(import_weights(net, part, "part", true).missing == all.missing + 1);
  }
}

TEST_CASE("import: the mapping names every tensor of file and network", "[convert]") {
  Network net(Graph::parse(kSmall), 1);
  SafetensorsFile file = file_for(net);
  tensor_of(file, "bn1.gamma").name = "module.bn1.weight";
  file.tensors.push_back({"bn1.num_batches_tracked", Tensor::zeros(Shape{}, DType::kI64)});
  file.tensors.push_back({"evil\nname", Tensor::zeros(Shape{2})});
  const ImportReport r = import_weights(net, file, "file");
  CHECK(r.summary() == std::to_string(r.used) + " tensors used, " + std::to_string(r.missing) + " missing, 2 unused");
  const std::string table = r.table();
  CHECK(std::count(table.begin(), table.end(), '\n') ==
        static_cast<std::ptrdiff_t>(file.tensors.size()) + r.missing + 1);
  const auto has_line = [&](std::vector<std::string> words) {
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream text(line);
      if (std::vector<std::string>(std::istream_iterator<std::string>(text), {}) == words) return true;
    }
    return false;
  };
  CHECK(has_line({"module.bn1.weight", "2", "bn1.gamma"}));
  CHECK(has_line({"conv1.weight", "2x1x3x3", "conv1.weight"}));
  CHECK(has_line({"bn1.num_batches_tracked", "scalar", "unused"}));
  CHECK(has_line({"evil\\x0aname", "2", "unused"}));
}

TEST_CASE("import: integers, values that are not finite and negative variances are refused, and nothing is copied",
          "[convert]") {
  Network net(Graph::parse(kSmall), 1);
  const auto before = net.state()[0].value.to_vector();
  const auto fails = [&](const std::string& name, const Tensor& value, const std::string& reason) {
    SafetensorsFile file = file_for(net);
    tensor_of(file, name).value = value;
    CHECK_THROWS_AS(import_weights(net, file, "x"), ValueError);
    CHECK_THROWS_WITH(import_weights(net, file, "x"), ContainsSubstring("x: tensor \"" + name + "\" " + reason));
    CHECK(net.state()[0].value.to_vector() == before);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  fails("fc.weight", Tensor::zeros(Shape{3, 2}, DType::kI64), "holds integers (int64)");
  fails("fc.bias", Tensor::from(std::vector<float>{0, nan, 0}, Shape{3}), "holds nan at 1");
  fails("bn2.gamma", Tensor::from(std::vector<float>{-inf, 0}, Shape{2}), "holds -inf at 0");
  fails("bn2.beta", Tensor::from(std::vector<double>{0, 1e300}, Shape{2}), "holds inf at 1");
  fails("bn2.running_var", Tensor::from(std::vector<float>{1, -1e-6f}, Shape{2}), "holds -0.000001 at 1");
  // A dtype that is not read matters only if the network has its name.
  SafetensorsFile file = file_for(net);
  file.unread.push_back({"mask", "BOOL", Shape{4}, "not asked for"});
  const ImportReport report = import_weights(net, file, "x");
  CHECK(report.unused == 1);
  CHECK((report.rows.back().source == "mask" && report.rows.back().note == "unused"));
  std::erase_if(file.tensors, [](const NamedTensor& t) { return t.name == "bn2.gamma"; });
  file.unread.push_back({"module.bn2.weight", "I8", Shape{2}, "what the reader found"});
  CHECK_THROWS_WITH(import_weights(net, file, "x"), ContainsSubstring("what the reader found"));
  // Floats of another width are fine, and so is a negative mean.
  file = file_for(net);
  tensor_of(file, "bn2.running_mean").value = Tensor::from(std::vector<double>{-1, 2}, Shape{2});
  CHECK_NOTHROW(import_weights(net, file, "x"));
}

TEST_CASE("import: of a checkpoint with averages these are taken, and no tensor of its run is a row", "[convert]") {
  Network net(Graph::parse(kSmall), 1);
  SafetensorsFile file;
  for (const NamedTensor& t : file_for(net).tensors) file.tensors.push_back({"net." + t.name, t.value});
  file.tensors.push_back({"ema.fc.bias", Tensor::full(Shape{3}, 2)});
  for (const char* name : {"optim.fc.bias.m", "freeze.conv2.relaxed", "codes.conv2"})
    file.tensors.push_back({name, Tensor::zeros(Shape{3})});
  file.metadata["tern"] = "checkpoint 1";
  const ImportReport r = import_weights(net, file, "run");
  CHECK(r.unused == 0);
  for (const NamedTensor& t : net.state()) {
    if (t.name == "fc.bias") CHECK(t.value.to_vector() == std::vector<double>{2, 2, 2});
    if (t.name == "fc.weight") CHECK(t.value.to_vector()[0] == 0.5);
  }
  CHECK(std::any_of(r.rows.begin(), r.rows.end(),
                    [](const ImportReport::Row& row) { return row.source == "ema.fc.bias"; }));
}

TEST_CASE("import: the classifier starts anew for another number of classes, if asked, and nothing else does",
          "[convert]") {
  const Network old(Graph::parse(kSmall), 1);
  std::string text = kSmall;
  text.replace(text.find("out=3"), 5, "out=7");
  Network net(Graph::parse(text), 2);
  const SafetensorsFile file = file_for(old);
  CHECK_THROWS_WITH(
      import_weights(net, file, "run"),
      ContainsSubstring("\"fc.weight\" has shape 3x2; \"fc.weight\" of this network needs 7x2 (to start the "
                        "classifier anew: allow_missing)"));
  CHECK_THROWS_AS(Network(Graph::parse(text), 2, import_shapes(file, "run")), ShapeError);
  CHECK_NOTHROW(Network(Graph::parse(text), 2, import_shapes(file, "run", true)));
  std::map<std::string, std::vector<double>> before;
  for (const NamedTensor& t : net.state()) before[t.name] = t.value.to_vector();
  const ImportReport r = import_weights(net, file, "run", true);
  CHECK(r.anew == 2);
  CHECK(r.unused == 0);
  CHECK(r.summary().find(" missing, 2 anew, 0 unused") != std::string::npos);
  CHECK(std::count(r.remarks.begin(), r.remarks.end(), "starts anew: fc.weight 7x2, which is 3x2 in the file") == 1);
  CHECK(std::count(r.remarks.begin(), r.remarks.end(), "starts anew: fc.bias 7, which is 3 in the file") == 1);
  for (const NamedTensor& t : net.state()) {
    INFO(t.name);
    if (t.name.starts_with("fc.")) CHECK(t.value.to_vector() == before[t.name]);
    if (t.name == "conv1.weight") CHECK(t.value.to_vector()[0] == 0.5);
  }
  // Another layer of that kind is another topology, whatever is allowed; so is another input of the classifier.
  SafetensorsFile other = file;
  tensor_of(other, "conv1.weight").value = Tensor::zeros(Shape{3, 1, 3, 3});
  CHECK_THROWS_AS(import_weights(net, other, "run", true), ShapeError);
  other = file;
  tensor_of(other, "fc.weight").value = Tensor::zeros(Shape{3, 5});
  CHECK_THROWS_AS(import_weights(net, other, "run", true), ShapeError);
}

TEST_CASE("import: two tensors of the network that a file calls the same are refused", "[convert]") {
  const std::string text =
      "tern-graph 1\nimage = input() shape=1x4x4\na.b = conv2d(image) out=2 kernel=1\na_b = conv2d(a.b) out=2 "
      "kernel=1\n";
  const Network net(Graph::parse(text), 1);
  SafetensorsFile file;
  file.tensors.push_back({"a.b.weight", Tensor::zeros(Shape{2, 1, 1, 1})});
  CHECK_THROWS_AS(import_weights(net, file, "x", true), ValueError);
  CHECK_THROWS_WITH(import_weights(net, file, "x", true),
                    ContainsSubstring("\"a.b.weight\" and \"a_b.weight\" of this network"));
}

TEST_CASE("import: weights that nobody uses, and layers that compute otherwise, are said", "[convert]") {
  Network net(Graph::parse(kSmall), 1);
  SafetensorsFile file = file_for(net);
  file.tensors.push_back({"layer9.0.conv1.weight", Tensor::zeros(Shape{4, 4, 3, 3})});
  file.tensors.push_back({"bn1.num_batches_tracked", Tensor::zeros(Shape{}, DType::kI64)});
  std::string trained = kSmall;
  trained.replace(trained.find("batch_norm(conv2)"), 17, "batch_norm(conv2) eps=0.01 momentum=0.3");
  file.metadata["graph"] = trained;
  const std::vector<std::string> remarks = import_weights(net, file, "x").remarks;
  REQUIRE(remarks.size() > 2);
  CHECK(std::count(remarks.begin(), remarks.end(), "unused, though they may be weights: layer9.0.conv1.weight") == 1);
  CHECK(std::count(remarks.begin(), remarks.end(), "trained with eps=0.01 there, no eps here: bn2") == 1);
  CHECK(std::count_if(remarks.begin(), remarks.end(), [](auto& r) { return !r.starts_with("missing: "); }) == 2);
}

// A program of one's own that adds a row to every list, and then trains and searches with nothing but these.
#include "catch.hpp"
#include "data/registry.hpp"
#include "freeze/registry.hpp"
#include "nas/registry.hpp"
#include "nn/registry.hpp"
#include "optim/registry.hpp"
#include "quant/registry.hpp"
#include "registration.hpp"
#include "temp_dir.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"

using tern::testing::Removal;

namespace {

// What tern's own rows make, under names of ours; each factory counts its calls.
int calls = 0;

void register_data() {
  tern::DatasetEntry e;
  e.name = "our-data";
  e.load = [](const std::string&, const tern::LoadOptions&) {
    ++calls;
    tern::Dataset set;
    set.class_names = {"dark", "light"};
    set.train = {1, 8, 8, std::vector<std::uint8_t>(16 * 64), {}};
    for (int i = 0; i < 16; ++i) {
      set.train.labels.push_back(i % 2);
      for (int k = 0; k < 64; ++k) {
        set.train.pixels[static_cast<std::size_t>(i * 64 + k)] = static_cast<std::uint8_t>((i % 2) * 200 + k % 50);
      }
    }
    set.test = set.train;
    return set;
  };
  tern::register_dataset(e);
}

void register_network() {
  tern::register_weight_quantizer("our_weights", "", [](const tern::QuantSpec&, const tern::Shape& shape) {
    ++calls;
    return tern::make_weight_quantizer(tern::QuantSpec::parse("twn"), shape);
  });
  tern::register_act_quantizer("our_acts", "", [](const tern::QuantSpec&) {
    ++calls;
    return tern::make_act_quantizer(tern::QuantSpec::parse("ternary"));
  });
  tern::register_layer("our_layer", "", [](const tern::LayerPlace& at) {
    ++calls;
    return tern::layer_registry().find("batch_norm").make(at);
  });
  tern::register_model("our_model", "", [](const tern::ModelOptions& o) {
    ++calls;
    tern::Graph g;
    g.add("input", {}, {{"shape", o.input.str()}}, "image");
    g.add("conv2d", {"image"}, {{"out", "4"}, {"kernel", "3"}}, "c1");
    g.add("our_layer", {"c1"}, {}, "b1");
    g.add("quantize", {"b1"}, {{"acts", o.acts}}, "q1");
    g.add("conv2d", {"q1"}, {{"out", "4"}, {"kernel", "3"}, {"weights", o.weights}}, "c2");
    g.add("batch_norm", {"c2"}, {}, "b2");
    g.add("global_avg_pool", {"b2"}, {}, "g");
    g.add("flatten", {"g"}, {}, "f");
    g.add("linear", {"f"}, {{"out", std::to_string(o.classes)}}, "fc");
    return g;
  });
}

void register_training() {
  tern::register_optimizer("our_optimizer", "", [](const tern::Spec&, auto groups) {
    ++calls;
    return tern::make_optimizer("adam", std::move(groups));
  });
  tern::register_schedule("our_schedule", "", [](const tern::Spec&) {
    ++calls;
    return tern::make_schedule("constant:lr=0.01");
  });
  tern::register_freeze_policy("our_policy", "", [](const tern::Spec&) {
    ++calls;
    return tern::make_freeze_policy(tern::Spec::parse("inq"));
  });
}

void register_search() {
  tern::nas::Candidate c = tern::nas::candidate("tconv3");
  c.key = "our_candidate";
  c.build = [build = c.build](const tern::nas::EdgePlace& at) {
    ++calls;
    return build(at);
  };
  tern::nas::register_candidate(c);
  tern::nas::SearchSpace s = tern::nas::space("tas");
  s.key = "our_space";
  s.ops = {"zero", "max3", "our_candidate"};
  tern::nas::register_space(s);
}

int calls_of(const std::function<void()>& f) {
  calls = 0;
  f();
  return calls;
}

}  // namespace

TEST_CASE("every register_*: a run and a search of rows from outside", "[train][register]") {
  register_data();
  register_network();
  register_training();
  register_search();
  const Removal data(tern::dataset_registry(), "our-data");
  const Removal layer(tern::layer_registry(), "our_layer");
  const Removal model(tern::model_registry(), "our_model");
  const Removal weights(tern::weight_quantizer_registry(), "our_weights");
  const Removal acts(tern::act_quantizer_registry(), "our_acts");
  const Removal optimizer(tern::optimizer_registry(), "our_optimizer");
  const Removal schedule(tern::schedule_registry(), "our_schedule");
  const Removal policy(tern::freeze_policy_registry(), "our_policy");
  const Removal candidate(tern::nas::candidate_registry(), "our_candidate");
  const Removal space(tern::nas::space_registry(), "our_space");
  const TempDir dir;

  tern::TrainConfig c;
  c.data = "our-data:" + dir.str();
  c.model = "our_model";
  c.weights = "our_weights";
  c.acts = "our_acts";
  c.optimizer = "our_optimizer";
  c.weight_decay = 0;
  c.schedule = "our_schedule";
  c.batch = 8;
  c.epochs = 2;
  CHECK(calls_of([&] { CHECK(tern::train(c, dir / "run", false).finished); }) >= 7);
  c.policy = "our_policy";
  c.phases = "0.5:1x1e-3+1:1x1e-3";
  CHECK(calls_of([&] { CHECK(tern::train(c, dir / "frozen", false).finished); }) >= 7);

  tern::SearchConfig s;
  s.data = c.data;
  s.space = "our_space";
  s.weights = c.weights;
  s.acts = c.acts;
  s.schedule = c.schedule;
  s.cells = 3;
  s.width = 4;
  s.batch = 4;
  s.epochs = 1;
  CHECK(calls_of([&] { CHECK(tern::search(s, dir / "search", false).finished); }) >= 5);
}

// tern eval: accuracy of a trained run, on the float path.
#include <fmt/core.h>

#include "config_options.hpp"
#include "console.hpp"
#include "run_options.hpp"

namespace tern::cli {
namespace {

nlohmann::ordered_json tensors_json(const ImportReport& report, bool all) {
  nlohmann::ordered_json j{{"used", report.used},
                           {"missing", nlohmann::ordered_json::array()},
                           {"unused", report.unused},
                           {"remarks", report.remarks}};
  for (const ImportReport::Row& r : report.rows) {
    if (r.note == "missing") j["missing"].push_back(r.target);
    if (all) j["mapping"].push_back({{"source", r.source}, {"shape", r.shape}, {"target", r.target}, {"note", r.note}});
  }
  return j;
}

}  // namespace

void add_eval(App& app) {
  struct EvalOptions {
    Common common;
    RunOptions run;
    bool mapping = false;
  };
  auto o = std::make_shared<EvalOptions>();
  App* verb = app.add_subcommand("eval", "Evaluate a trained run on its test images (float path)");
  add_run_options(*verb, o->run);
  verb->examples({"tern eval runs/first", "tern eval runs/first --data folder:photos",
                  "tern eval resnet20.safetensors --model resnet20 --data cifar10"});
  verb->add_flag("--mapping", o->mapping, "Print what became of every tensor of the file");
  add_common(*verb, o->common);
  verb->callback([o] {
    TrainedRun run = o->run.load();
    if (!o->common.json) {
      print_out("{}\n", run.mapping.summary());
      for (const std::string& remark : run.mapping.remarks) print_out("  {}\n", remark);
      if (o->mapping) print_out("{}", run.mapping.table());
      print_out("{}\n", run.normalisation.line());
    }
    const TestSet data = o->run.test_set(run.config, o->run.run, run.data, run.network.input_shape(),
                                         run.network.output_shape().numel());
    if (!o->common.json) {
      for (const std::string& note : data.notes) print_out("{}\n", note);
    }
    Progress progress(o->common);
    const EvalResult r = evaluate(run.network, data.images, o->run.batch, [&](std::int64_t done, std::int64_t all) {
      progress.count("evaluating", done, all);
    });
    progress.clear();
    const double rate = static_cast<double>(r.images) / r.seconds;
    if (o->common.json) {
      nlohmann::ordered_json j{{"run", o->run.run},  {"data", data.source},       {"notes", data.notes},
                               {"images", r.images}, {"correct", r.correct},      {"accuracy", r.accuracy()},
                               {"loss", r.loss},     {"images_per_second", rate}, {"batch", o->run.batch}};
      const Normalisation& n = run.normalisation;
      j["input"] = {{"mean", n.mean}, {"mean_from", n.mean_from}, {"std", n.std}, {"std_from", n.std_from}};
      j["tensors"] = tensors_json(run.mapping, o->mapping);
      print_json(j);
    } else {
      print_out("{}: {} of {} correct ({}), loss {:.4f}, {:.0f} images/s at batch {}\n", data.name, r.correct, r.images,
                percent_text(r.accuracy()), r.loss, rate, o->run.batch);
    }
  });
}

}  // namespace tern::cli

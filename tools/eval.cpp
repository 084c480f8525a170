// tern eval: accuracy of a trained run, on the float path.
#include <fmt/core.h>

#include "config_options.hpp"
#include "console.hpp"
#include "run_options.hpp"

namespace tern::cli {
namespace {

nlohmann::ordered_json tensors_json(const ImportReport& report, bool all) {
  nlohmann::ordered_json j{
      {"used", report.used}, {"missing", nlohmann::ordered_json::array()}, {"unused", report.unused}};
  for (const ImportReport::Row& r : report.rows) {
    if (r.note == "missing") j["missing"].push_back(r.target);
    if (all) j["mapping"].push_back({{"source", r.source}, {"shape", r.shape}, {"target", r.target}, {"note", r.note}});
  }
  return j;
}

}  // namespace

void add_eval(App& app) {
  struct Options {
    Common common;
    RunOptions run;
    Overrides plain;  // topology for weights that are no checkpoint of tern
    bool mapping = false, allow_missing = false;
  };
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand("eval", "Evaluate a trained run on its test images (float path)");
  add_run_options(*verb, o->run);
  const auto use = [o](const char* name) { return [o, name](const std::string& text) { o->plain[name] = text; }; };
  verb->add_option_function("--model", use("model"), "RUN is a plain safetensors, npz or npy file for this topology");
  verb->add_option_function("--width", use("width"), "With --model: base width of that topology");
  verb->add_option_function("--options", use("options"), "With --model: further options of that topology");
  verb->add_option_function(
      "--mean", use("mean"),
      "With --model: means of its input, joined by ','; default: the file's, else the data set's");
  verb->add_option_function("--std", use("std"),
                            "With --model: standard deviations of its input, joined by ','; default: as for --mean");
  verb->add_flag("--allow-missing", o->allow_missing,
                 "With --model: evaluate although that file lacks weights or batch norms of the topology");
  verb->add_flag("--mapping", o->mapping, "Print what became of every tensor of the file");
  add_common(*verb, o->common);
  verb->callback([o] {
    const auto load_plain = [&] {
      TrainConfig config;
      for (const auto& [name, text] : o->plain) config.set(name, text);
      if (!o->run.data_name.empty()) config.data = o->run.data_name;
      config.data_dir = o->run.data_dir;
      config.data_search_path = data_search_path();
      config.limit_train = 1;
      config.allow_missing = o->allow_missing;
      expect_run(o->run.run);
      return load_weights(config, o->run.run);
    };
    const bool plain = o->plain.contains("model");
    if (!plain && !o->plain.empty()) {
      throw ValidationError("--" + o->plain.begin()->first,
                            "needs --model; a run has its own topology and normalisation");
    }
    if (!plain && o->allow_missing) throw ValidationError("--allow-missing", "needs --model; a run lacks nothing");
    if (plain && !o->run.checkpoint.empty()) throw ValidationError("--checkpoint", "not with --model; name the file");
    TrainedRun run = plain ? load_plain() : o->run.load();
    if (!o->common.json) {
      fmt::print("{}\n", run.mapping.summary());
      for (const ImportReport::Row& r : run.mapping.rows) {
        if (r.note == "missing") fmt::print("  missing: {} {}\n", r.target, r.shape);
      }
      if (o->mapping) fmt::print("{}", run.mapping.table());
      fmt::print("{}\n", run.normalisation.line());
    }
    const Dataset data = o->run.data(run.config);
    Progress progress(o->common);
    const EvalResult r =
        evaluate(run.network, fit_images(data.test, run.network.input_shape()), o->run.batch,
                 [&](std::int64_t done, std::int64_t all) { progress.count("evaluating", done, all); });
    progress.clear();
    const double rate = static_cast<double>(r.images) / r.seconds;
    if (o->common.json) {
      nlohmann::ordered_json j{{"run", o->run.run},         {"data", data.source},      {"images", r.images},
                               {"correct", r.correct},      {"accuracy", r.accuracy()}, {"loss", r.loss},
                               {"images_per_second", rate}, {"batch", o->run.batch}};
      const Normalisation& n = run.normalisation;
      j["input"] = {{"mean", n.mean}, {"mean_from", n.mean_from}, {"std", n.std}, {"std_from", n.std_from}};
      j["tensors"] = tensors_json(run.mapping, o->mapping);
      print_json(j);
    } else {
      fmt::print("{}: {} of {} correct ({}), loss {:.4f}, {:.0f} images/s at batch {}\n", data.name, r.correct,
                 r.images, percent_text(r.accuracy()), r.loss, rate, o->run.batch);
    }
  });
}

}  // namespace tern::cli

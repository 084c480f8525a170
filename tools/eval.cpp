// tern eval: accuracy of a trained run, on the float path.
#include <fmt/core.h>

#include "console.hpp"
#include "run_options.hpp"

namespace tern::cli {

void add_eval(App& app) {
  struct Options {
    Common common;
    RunOptions run;
    TrainConfig plain;  // topology for weights that are no checkpoint of tern
    bool is_plain = false, mapping = false;
  };
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand("eval", "Evaluate a trained run on its test images (float path)");
  add_run_options(*verb, o->run);
  const auto use = [o](const char* name) {
    return [o, name](const std::string& text) {
      o->plain.set(name, text);
      o->is_plain = true;
    };
  };
  verb->add_option_function("--model", use("model"), "RUN is a plain safetensors file for this topology");
  verb->add_option_function("--width", use("width"), "Base width of that topology");
  verb->add_option_function("--options", use("options"), "Further options of that topology");
  verb->add_option_function("--mean", use("mean"), "Its input normalisation: means, joined by ','");
  verb->add_option_function("--std", use("std"), "Its input normalisation: standard deviations, joined by ','");
  verb->add_flag("--mapping", o->mapping, "Print what became of every tensor of the file");
  add_common(*verb, o->common);
  verb->callback([o] {
    ImportReport report;
    const auto load_plain = [&] {
      TrainConfig config = o->plain;
      if (!o->run.data_name.empty()) config.data = o->run.data_name;
      config.data_dir = o->run.data_dir;
      config.data_search_path = data_search_path();
      config.limit_train = 1;
      return load_weights(config, o->run.run, &report);
    };
    TrainedRun run = o->is_plain ? load_plain() : o->run.load();
    if (o->mapping && !o->common.json) {
      std::vector<std::vector<std::string>> rows;
      for (const ImportReport::Row& r : report.rows) rows.push_back({r.source, r.shape, r.target, r.note});
      fmt::print("{}", table({"source", "shape", "target", ""}, rows));
    }
    const Dataset data = o->run.data(run.config);
    Progress progress(o->common);
    const EvalResult r = evaluate(run.network, fit_images(data.test, run.network.input_shape()), o->run.batch,
                                  [&](std::int64_t done, std::int64_t all) { progress.count("evaluating", done, all); });
    progress.clear();
    const double rate = static_cast<double>(r.images) / r.seconds;
    if (o->common.json) {
      print_json({{"run", o->run.run}, {"data", data.source}, {"images", r.images}, {"correct", r.correct},
                  {"accuracy", r.accuracy()}, {"loss", r.loss}, {"images_per_second", rate}, {"batch", o->run.batch}});
    } else {
      fmt::print("{}: {} of {} correct ({}), loss {:.4f}, {:.0f} images/s at batch {}\n", data.name, r.correct, r.images,
                 percent_text(r.accuracy()), r.loss, rate, o->run.batch);
    }
  });
}

}  // namespace tern::cli

// tern eval: accuracy of a trained run, on the float path.
#include <fmt/core.h>

#include "console.hpp"
#include "run_options.hpp"

namespace tern::cli {

void add_eval(CLI::App& app) {
  struct Options {
    Common common;
    RunOptions run;
  };
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("eval", "Evaluate a trained run on its test images (float path)");
  add_run_options(*verb, o->run);
  add_common(*verb, o->common);
  verb->callback([o] {
    TrainedRun run = o->run.load();
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

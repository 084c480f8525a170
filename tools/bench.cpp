// tern bench: measured speed. Candidates alternate in one process; medians.
#include "tern/bench.hpp"

#include <fmt/core.h>

#include "console.hpp"
#include "run_options.hpp"

namespace tern::cli {
namespace {

struct Options {
  Common common;
  RunOptions run;
  std::string file;
  std::vector<std::int64_t> batches{1, 100};
  double seconds = 2;
};

void bench_model(const Options& o) {
  TrainedRun run = o.run.load();
  infer::Session session = infer::Session::load(o.file);
  const Dataset data = o.run.data(run.config);
  const Images images = fit_images(data.test, run.network.input_shape());
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const std::int64_t batch : o.batches) {
    Progress progress(o.common);
    progress.show(fmt::format("measuring batch {} for {}", batch, duration_text(o.seconds)), true);
    const ModelSpeed s = compare_speed(run.network, session, images, batch, o.seconds);
    progress.clear();
    rows.push_back({std::to_string(s.batch), std::to_string(s.threads), fmt::format("{:.0f}", s.float_images_per_second),
                    fmt::format("{:.0f}", s.packed_images_per_second), fmt::format("{:.2f}", s.ratio())});
    json.push_back({{"batch", s.batch}, {"threads", s.threads}, {"float_images_per_second", s.float_images_per_second},
                    {"packed_images_per_second", s.packed_images_per_second}, {"ratio", s.ratio()}});
  }
  if (o.common.json) print_json({{"file", o.file}, {"isa", name_of(session.isa())}, {"speed", json}});
  else fmt::print("images/s, medians, packed path on {}\n{}", name_of(session.isa()),
                  table({"batch", "threads", "float path", "packed path", "ratio"}, rows));
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* bench = app.add_subcommand("bench", "Measure speed");
  bench->require_subcommand(1);
  auto o = std::make_shared<Options>();
  CLI::App* model = bench->add_subcommand("model", "Images/s of a trained run's float path and of its packed file");
  add_run_options(*model, o->run);
  model->add_option("FILE", o->file, "Packed file")->required();
  model->add_option("--batches", o->batches, "Batch sizes to measure")->delimiter(',')->capture_default_str();
  model->add_option("--seconds", o->seconds, "Time for each batch size")->check(CLI::PositiveNumber)->capture_default_str();
  add_common(*model, o->common);
  model->callback([o] { bench_model(*o); });
}

}  // namespace tern::cli

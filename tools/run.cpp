// tern run: a packed file on a data set, or on image files.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "console.hpp"
#include "run_options.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"

namespace tern::cli {
namespace {

struct Options {
  Common common;
  RunOptions data;
  std::string file, isa, kernel;
  std::vector<std::string> images;
};

infer::Session open_session(const Options& o) {
  expect_packed(o.file);
  infer::Options how;
  if (!o.isa.empty()) how.isa = isa_from_name(o.isa);
  how.kernel = o.kernel;
  return infer::Session::load(o.file, how);
}

std::string class_name(const infer::Session& session, std::int32_t index) {
  const auto& meta = session.model().meta;
  const auto it = meta.find("class." + std::to_string(index));
  return it == meta.end() ? std::to_string(index) : it->second;
}

void run_files(const Options& o) {
  infer::Session session = open_session(o);
  const Shape shape = session.input_shape();
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const std::string& path : o.images) {
    const Images image =
        read_image_file(path, static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2]));
    const std::vector<float> logits = session.run(image.pixels, 1);
    const std::int32_t best = infer::arg_max(logits);
    if (o.common.json)
      json.push_back({{"image", path}, {"class", best}, {"name", class_name(session, best)}, {"logits", logits}});
    else
      fmt::print("{}: {}\n", path, class_name(session, best));
  }
  if (o.common.json) print_json(json);
}

void run_data(const Options& o) {
  infer::Session session = open_session(o);
  const auto& meta = session.model().meta;
  TrainConfig config;
  if (const auto it = meta.find("data"); it != meta.end()) config.data = it->second;
  const Dataset data = o.data.data(config);
  const Images images = fit_images(data.test, session.input_shape());
  const auto size = static_cast<std::size_t>(session.input_shape().numel());
  Progress progress(o.common);
  std::int64_t correct = 0;
  double seconds = 0;
  for (std::int64_t at = 0; at < images.count(); at += o.data.batch) {
    const std::int64_t n = std::min(o.data.batch, images.count() - at);
    const auto pixels =
        std::span(images.pixels).subspan(static_cast<std::size_t>(at) * size, static_cast<std::size_t>(n) * size);
    const auto start = std::chrono::steady_clock::now();
    const std::vector<std::int32_t> classes = session.predict(pixels, n);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (std::int64_t i = 0; i < n; ++i)
      correct += classes[static_cast<std::size_t>(i)] == images.labels[static_cast<std::size_t>(at + i)];
    progress.count("running", at + n, images.count());
  }
  progress.clear();
  const double accuracy = static_cast<double>(correct) / static_cast<double>(std::max<std::int64_t>(images.count(), 1));
  const double rate = static_cast<double>(images.count()) / seconds;
  if (o.common.json) {
    print_json({{"file", o.file},
                {"data", data.source},
                {"images", images.count()},
                {"correct", correct},
                {"accuracy", accuracy},
                {"images_per_second", rate},
                {"batch", o.data.batch},
                {"isa", name_of(session.isa())}});
  } else {
    fmt::print("{}: {} of {} correct ({}), {:.0f} images/s at batch {} on {}\n", data.name, correct, images.count(),
               percent_text(accuracy), rate, o.data.batch, name_of(session.isa()));
  }
}

}  // namespace

void add_run(App& app) {
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand("run", "Run a packed file on a data set, or on PNG and JPEG files");
  verb->add_option("FILE", o->file, "Packed file")->required();
  verb->add_option("IMAGES", o->images, "Image files to classify; without them: a data set");
  add_data_options(*verb, o->data);
  verb->add_option("--isa", o->isa, "Instruction set to use (tern info); default: the best, or TERN_ISA");
  verb->add_option("--kernel", o->kernel, "Kernel family to prefer; default: the planner's choice");
  add_common(*verb, o->common);
  verb->callback([o] { o->images.empty() ? run_data(*o) : run_files(*o); });
}

}  // namespace tern::cli

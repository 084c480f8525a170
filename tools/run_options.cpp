#include "run_options.hpp"

#include "console.hpp"

namespace tern::cli {

Dataset RunOptions::data(TrainConfig config) const {
  if (!data_name.empty()) config.data = data_name;
  if (!data_dir.empty()) config.data_dir = data_dir;
  config.data_search_path = data_search_path();
  config.limit_train = 1;
  config.limit_test = limit;
  return load_data(config);
}

void add_data_options(App& app, RunOptions& o) {
  app.add_option("--data", o.data_name, "Data set (tern list datasets); default: the one it was trained on");
  app.add_option("--data-dir", o.data_dir, "Folder to look in first");
  app.add_option("--batch", o.batch, "Images at a time")->check(Range(1, 100000))->capture_default_str();
  app.add_option("--limit", o.limit, "Use only so many test images; 0: all")->check(NonNegativeNumber);
}

void add_run_options(App& app, RunOptions& o) {
  app.add_option("RUN", o.run, "Run directory, or a checkpoint file")->required();
  app.add_option("--checkpoint", o.checkpoint, "best or last; default: best if there is one");
  add_data_options(app, o);
}

Images fit_images(const Images& images, const Shape& shape) {
  const ImageShape want{static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2])};
  return images.shape() == want ? images : convert_images(images, want);
}

}  // namespace tern::cli

#include "run_options.hpp"

#include <array>
#include <filesystem>
#include <fstream>

#include "console.hpp"
#include "packed/file_layout.hpp"
#include "tern/error.hpp"

namespace tern::cli {

void expect_run(const std::string& run) {
  std::array<unsigned char, packed::kMagic.size()> head{};
  std::ifstream(run, std::ios::binary).read(reinterpret_cast<char*>(head.data()), head.size());
  if (head == packed::kMagic) {
    throw IoError("\"" + run +
                  "\" is a packed file; expected the run that it was packed from (tern run evaluates packed files)");
  }
}

TrainedRun load_trained(const std::string& run, const std::string& checkpoint) {
  if (!checkpoint.empty() && checkpoint != "best" && checkpoint != "last") {
    throw ValidationError("--checkpoint", "expected best or last; got " + checkpoint +
                                              " (another one is named by its file instead of RUN)");
  }
  std::error_code ec;
  if (!checkpoint.empty() && std::filesystem::is_regular_file(run, ec)) {
    throw ValidationError("--checkpoint", "needs a run directory; \"" + run + "\" is one file");
  }
  expect_run(run);
  return load_run(run, checkpoint);
}

void expect_packed(const std::string& file) {
  std::error_code ec;
  if (std::filesystem::is_directory(file, ec)) {
    throw IoError("\"" + file + "\" is a folder, not a packed file; a run becomes one with: tern pack " + file +
                  " net.tern");
  }
  if (file.ends_with(".safetensors")) {
    throw IoError("\"" + file + "\" is a checkpoint, not a packed file; pack it first: tern pack " + file +
                  " net.tern");
  }
}

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

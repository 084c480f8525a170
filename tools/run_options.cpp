#include "run_options.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "console.hpp"
#include "core/printable.hpp"
#include "data/dataset_spec.hpp"
#include "packed/file_layout.hpp"
#include "tern/error.hpp"
#include "without_effect.hpp"

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

std::string data_of_run(const std::string& data, const std::string& run, const std::string& advice) {
  namespace fs = std::filesystem;
  const data::DatasetSpec spec = data::parse_spec(data, {});
  std::error_code ec;
  if (!spec.has_path || fs::exists(spec.path, ec)) return data;
  const std::size_t path = data.find(':') + 1;
  const bool whole = fs::path(spec.path).is_absolute();
  if (!whole && fs::exists(fs::path(run) / spec.path, ec)) {
    return data.substr(0, path) + (fs::path(run) / data.substr(path)).string();
  }
  throw IoError("the data of \"" + run + "\" are not there: \"" + printable(spec.path, kMaxPathShown) + "\"" +
                (whole ? "" : " is neither in " + fs::current_path(ec).string() + " nor in " + run) +
                "; if they were moved, " + advice);
}

namespace {

/// A set that is found nowhere by its name alone.
bool needs_path(const std::string& name) {
  const std::vector<DatasetEntry> all = datasets();
  const auto it = std::find_if(all.begin(), all.end(), [&](const DatasetEntry& e) { return e.name == name; });
  return it != all.end() && it->places.empty();
}

std::string set_name(const std::string& data) { return data.substr(0, data.find(':')); }

}  // namespace

TestSet RunOptions::test_set(const TrainConfig& config, const std::string& source, const DataRecord& record,
                             const Shape& input, std::int64_t outputs) const {
  std::error_code ec;
  const bool own = std::filesystem::is_directory(source, ec);
  if (!own && data_name.empty() && config.data.find(':') != std::string::npos) {
    throw IoError("\"" + source + "\" says that its data are \"" + printable(config.data, 1000) +
                  "\"; a path is opened only where you name it: --data " + printable(config.data, 1000));
  }
  if (data_name.empty() && needs_path(config.data)) {
    throw IoError("\"" + source + "\" was trained on a " + config.data + " of images; name the data (--data " +
                  config.data + ":PATH) or image files");
  }
  refuse_idle_data_dir(data_dir, data_name.empty() ? config.data : data_name);
  const ImageShape taken{static_cast<int>(input[0]), static_cast<int>(input[1]), static_cast<int>(input[2])};
  LoadOptions how;
  how.data_dir = data_dir.empty() && own ? config.data_dir : data_dir;
  how.search_path = data_search_path();
  how.shape = record.images == ImageShape{} ? taken : record.images;
  how.split = record.split.value_or(TestSplit{.share = 1});
  how.limit_train = 1;
  how.limit_test = limit;
  const std::string name =
      !data_name.empty() ? data_name
      : own              ? data_of_run(config.data, source, "name them: --data " + set_name(config.data) + ":PATH")
                         : config.data;
  const Dataset data = load_dataset(name, how);
  if (data.test.count() == 0) throw Error("\"" + data.name + "\" (" + data.source + ") has no test images");
  const ClassMatch match = match_classes(data.class_names, data.test.labels, record.class_names, outputs);
  TestSet set{data.name, data.source, data.notes, record.seen(data.test)};
  if (!match.note.empty()) set.notes.push_back(match.note);
  if (set.images.shape() != taken) set.images = convert_images(set.images, taken);
  for (std::int32_t& label : set.images.labels) label = match.outputs[static_cast<std::size_t>(label)];
  return set;
}

TrainedRun RunOptions::load() const {
  if (!is_plain()) {
    if (!plain.empty()) {
      throw ValidationError("--" + plain.begin()->first,
                            "needs --model or --graph; a run has its own topology and normalisation");
    }
    if (allow_missing) throw ValidationError("--allow-missing", "needs --model or --graph; a run lacks nothing");
    return load_trained(run, checkpoint);
  }
  if (!settings_of(run).empty()) {
    throw ValidationError("--" + plain.find(plain.contains("model") ? "model" : "graph")->first,
                          "is for files of plain weights; the run \"" + run + "\" has its own topology");
  }
  if (!checkpoint.empty()) throw ValidationError("--checkpoint", "not with --model or --graph; name the file");
  TrainConfig config;
  for (const auto& [name, text] : plain) config.set(name, text);
  refuse_without_effect(config, plain);
  if (!data_name.empty()) config.data = data_name;
  refuse_idle_data_dir(data_dir, config.data);
  config.data_dir = data_dir;
  config.data_search_path = data_search_path();
  config.limit_train = 1;
  config.allow_missing = allow_missing;
  expect_run(run);
  return load_weights(config, run);
}

namespace {

void add_data_place(App& app, RunOptions& o) {
  app.add_option("--data", o.data_name, "Data set (tern list datasets); default: the one it was trained on");
  app.add_option("--data-dir", o.data_dir, "Folder to look in first");
}

void add_amount(App& app, RunOptions& o) {
  app.add_option("--batch", o.batch, "Images at a time")->check(Range(1, 100000))->capture_default_str();
  app.add_option("--limit", o.limit, "Use only so many test images; 0: all")->check(NonNegativeNumber);
}

}  // namespace

void add_data_options(App& app, RunOptions& o) {
  add_data_place(app, o);
  add_amount(app, o);
}

void add_trained_options(App& app, RunOptions& o) {
  app.add_option("RUN,--run", o.run, "Run directory, or a checkpoint file")->required();
  app.add_option("--checkpoint", o.checkpoint, "best or last; default: best if there is one");
  add_data_place(app, o);
  const auto add = [&](const std::string& name, const std::string& help) {
    app.add_option_function(
           "--" + name, [&o, name](const std::string& text) { o.plain[name] = text; }, help)
        ->group("Plain weights");
  };
  add("model", "RUN is a plain safetensors, npz or npy file for this topology");
  add("graph", "As --model, for a topology from a graph text file");
  add("width", "With --model: base width of that topology");
  add("options", "With --model: further options of that topology");
  add("mean", "Means of its input, joined by ','; default: the file's, else the data set's");
  add("std", "Standard deviations of its input, joined by ','; default: as for --mean");
  app.add_flag_function(
         "--allow-missing", [&o](bool on) { o.allow_missing = on; },
         "Go on although that file lacks weights or batch norms of the topology")
      ->group("Plain weights");
}

void add_run_options(App& app, RunOptions& o) {
  add_trained_options(app, o);
  add_amount(app, o);
}

void add_max_work(App& app, double& max_work) {
  app.add_option("--max-work", max_work,
                 "Most operations that an image may take; a file that wants more is refused; inf: no limit")
      ->check(PositiveNumber)
      ->capture_default_str();
}

}  // namespace tern::cli

// tern run: a packed file on a data set, or on image files.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <span>

#include "console.hpp"
#include "core/names.hpp"
#include "run_options.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"
#include "tern/parallel.hpp"

namespace tern::cli {
namespace {

struct PhotoOptions {
  Common common;
  RunOptions data;
  std::string file, isa, kernel;
  double max_work = infer::Options().max_work;
  std::vector<std::string> images;
};

infer::Session open_session(const PhotoOptions& o) {
  expect_packed(o.file);
  infer::Options how;
  how.threads = 0;
  if (!o.isa.empty()) how.isa = isa_from_name(o.isa);
  how.kernel = o.kernel;
  how.max_work = o.max_work;
  return infer::Session::load(o.file, how);
}

ImageShape shape_of(const Shape& s) { return {static_cast<int>(s[0]), static_cast<int>(s[1]), static_cast<int>(s[2])}; }

// ---- image files ----

/// What was found out so far: of each file its class, or why not.
struct Answers {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::string> errors;

  void add_error(const std::string& image, const std::string& why) {
    errors.push_back(why);
    json.push_back({{"image", image}, {"error", why}});
  }
};

/// The files that the arguments name: themselves, standard input for "-", all images of a folder.
std::vector<std::string> image_files(const std::vector<std::string>& arguments, Answers& answers) {
  std::vector<std::string> files;
  for (const std::string& argument : arguments) {
    std::error_code ec;
    if (!std::filesystem::is_directory(argument, ec)) {
      files.push_back(argument);
      continue;
    }
    const FoundImages found = find_image_files(argument);
    if (found.files.empty()) {
      std::string why = "\"" + argument + "\" holds no images (jpg, png, bmp, gif, pnm)";
      for (const std::string& note : found.notes) why += "; " + note;
      throw IoError(why);
    }
    for (const std::string& note : found.notes) answers.add_error(argument, argument + ": " + note);
    files.insert(files.end(), found.files.begin(), found.files.end());
  }
  return files;
}

Images read_photo(const std::string& file, ImageShape shape) {
  if (file == "-") return read_image_file("/dev/stdin", shape);
  return read_image_file(file, shape);
}

/// Some files, as the network takes images, or why not.
struct Photos {
  Images images;
  std::vector<std::string> errors;  ///< by file; empty where it is among the images
};

Photos read_photos(std::span<const std::string> files, const DataRecord& record, ImageShape taken) {
  const ImageShape shape = record.images == ImageShape{} ? taken : record.images;
  Photos out{{taken.channels, taken.height, taken.width, {}, {}}, std::vector<std::string>(files.size())};
  std::vector<Images> read(files.size());
  parallel_for(static_cast<std::int64_t>(files.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    try {
      read[at] = record.seen(read_photo(files[at], shape));
    } catch (const Error& e) {
      out.errors[at] = e.what();
    }
  });
  for (const Images& image : read) {
    out.images.labels.insert(out.images.labels.end(), image.labels.begin(), image.labels.end());
    out.images.pixels.insert(out.images.pixels.end(), image.pixels.begin(), image.pixels.end());
  }
  return out;
}

struct Guess {
  std::int32_t output;
  std::string name;
  double probability;
};

/// The likeliest classes, by softmax; of equals the first.
std::vector<Guess> guesses(std::span<const float> logits, const DataRecord& record) {
  constexpr std::size_t kTop = 3;
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<Guess> out;
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const bool named = i < record.class_names.size();
    out.push_back({static_cast<std::int32_t>(i), named ? record.class_names[i] : std::to_string(i),
                   std::exp(static_cast<double>(logits[i]) - top)});
    sum += out.back().probability;
  }
  for (Guess& g : out) g.probability /= sum;
  std::stable_sort(out.begin(), out.end(),
                   [](const Guess& a, const Guess& b) { return a.probability > b.probability; });
  out.resize(std::min(out.size(), kTop));
  return out;
}

nlohmann::ordered_json to_json(const std::string& file, const std::vector<Guess>& top, std::span<const float> logits) {
  nlohmann::ordered_json j{
      {"image", file}, {"class", top[0].output}, {"name", top[0].name}, {"probability", top[0].probability}};
  for (const Guess& g : top) {
    j["top"].push_back({{"class", g.output}, {"name", g.name}, {"probability", g.probability}});
  }
  j["logits"] = std::vector<float>(logits.begin(), logits.end());
  return j;
}

/// Answers for every file that can be read; the others are named, or counted by kind, and then the verb fails.
void run_files(const PhotoOptions& o) {
  infer::Session session = open_session(o);
  const DataRecord record = DataRecord::parse(session.model().meta, o.file);
  Answers answers;
  const std::vector<std::string> files = image_files(o.images, answers);
  const auto classes = static_cast<std::size_t>(session.classes());
  for (std::size_t begin = 0; begin < files.size(); begin += static_cast<std::size_t>(o.data.batch)) {
    const auto batch =
        std::span(files).subspan(begin, std::min(static_cast<std::size_t>(o.data.batch), files.size() - begin));
    const Photos photos = read_photos(batch, record, shape_of(session.input_shape()));
    const std::vector<float> logits = session.run(photos.images.pixels, photos.images.count());
    std::size_t row = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!photos.errors[i].empty()) {
        answers.add_error(batch[i], photos.errors[i]);
        continue;
      }
      const auto own = std::span(logits).subspan(classes * row++, classes);
      const std::vector<Guess> top = guesses(own, record);
      answers.json.push_back(to_json(batch[i], top, own));
      if (o.common.json) continue;
      print_out("{}: {}\n", batch[i],
                join(top, ", ", [](const Guess& g) { return g.name + " " + percent_text(g.probability); }));
    }
  }
  if (o.common.json) print_json(answers.json);
  const std::vector<std::string>& errors = answers.errors;
  if (errors.empty()) return;
  for (std::size_t i = 0; i + 1 < errors.size(); ++i) print_err("tern: {}\n", errors[i]);
  throw Error(errors.back());
}

// ---- a data set ----

void run_data(const PhotoOptions& o) {
  infer::Session session = open_session(o);
  const DataRecord record = DataRecord::parse(session.model().meta, o.file);
  TrainConfig config;
  config.data = record.name;
  const TestSet data = o.data.test_set(config, o.file, record, session.input_shape(), session.classes());
  const Images& images = data.images;
  if (!o.common.json && !o.common.quiet) {
    for (const std::string& note : data.notes) print_out("{}\n", note);
  }
  Progress progress(o.common);
  std::int64_t correct = 0;
  double seconds = 0;
  for (std::int64_t at = 0; at < images.count(); at += o.data.batch) {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(o.data.batch, images.count() - at)));
    std::iota(indices.begin(), indices.end(), at);
    const Images batch = kept(select_images(images, indices));
    const auto start = std::chrono::steady_clock::now();
    const std::vector<std::int32_t> classes = session.predict(batch.pixels, batch.count());
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (std::size_t i = 0; i < classes.size(); ++i) correct += classes[i] == batch.labels[i];
    progress.count("running", at + batch.count(), images.count());
  }
  progress.clear();
  const double accuracy = static_cast<double>(correct) / static_cast<double>(images.count());
  const double rate = static_cast<double>(images.count()) / seconds;
  if (o.common.json) {
    print_json({{"file", o.file},
                {"data", data.source},
                {"notes", data.notes},
                {"images", images.count()},
                {"correct", correct},
                {"accuracy", accuracy},
                {"images_per_second", rate},
                {"batch", o.data.batch},
                {"isa", name_of(session.isa())}});
  } else {
    print_out("{}: {} of {} correct ({}), {:.0f} images/s at batch {} on {}\n", data.name, correct, images.count(),
              percent_text(accuracy), rate, o.data.batch, name_of(session.isa()));
  }
}

}  // namespace

void add_run(App& app) {
  auto o = std::make_shared<PhotoOptions>();
  App* verb = app.add_subcommand("run", "Run a packed file on a data set, or on image files");
  verb->add_option("FILE", o->file, "Packed file")->required();
  verb->add_option("IMAGES", o->images,
                   "Image files to classify, folders of them, or - for standard input; without any: a data set");
  add_data_options(*verb, o->data);
  verb->add_option("--isa", o->isa, "Instruction set to use (tern info); default: the best, or TERN_ISA");
  verb->add_option("--kernel", o->kernel, "Kernel family to prefer; default: the planner's choice");
  add_max_work(*verb, o->max_work);
  verb->examples({"tern run net.tern photo.jpg", "tern run net.tern photos/ --json",
                  "tern run net.tern --data fashion-mnist --limit 1000"});
  add_common(*verb, o->common);
  verb->callback([o, verb] {
    if (o->images.empty()) return run_data(*o);
    verb->refuse({"--data", "--data-dir", "--limit"}, "has no effect on image files; it is for data sets");
    run_files(*o);
  });
}

}  // namespace tern::cli

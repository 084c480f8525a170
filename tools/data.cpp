// tern data: list, describe and look at data sets.
#include "tern/data.hpp"

#include <fmt/core.h>

#include <cmath>

#include "console.hpp"
#include "without_effect.hpp"

namespace tern::cli {
namespace {

struct DataOptions {
  Common common;
  std::string name, data_dir, sheet;
  int image_size = 0, rows = 10, columns = 20;
};

LoadOptions load_options(const DataOptions& o) {
  LoadOptions load;
  load.data_dir = o.data_dir;
  load.search_path = data_search_path();
  load.shape.height = load.shape.width = o.image_size;
  return load;
}

void list_all(const DataOptions& o) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const DatasetEntry& d : datasets()) {
    const std::string where = find_dataset(d.name, load_options(o));
    json.push_back({{"name", d.name}, {"summary", d.summary}, {"path", where}});
    rows.push_back({d.name, where.empty() ? "missing: " + d.how_to_get : where});
  }
  if (o.common.json)
    print_json(json);
  else
    print_out("{}", table({"data set", "where"}, rows));
}

std::vector<std::int64_t> class_counts(const Images& images, std::size_t classes) {
  std::vector<std::int64_t> counts(classes);
  for (const std::int32_t l : images.labels) ++counts.at(static_cast<std::size_t>(l));
  return counts;
}

void describe(const DataOptions& o) {
  const Dataset d = load_dataset(o.name, load_options(o));
  const std::size_t classes = d.class_names.size();
  const auto train = class_counts(d.train, classes), test = class_counts(d.test, classes);
  if (!o.sheet.empty())
    contact_sheet(d.train.count() > 0 ? d.train : d.test, d.class_names, {.rows = o.rows, .cols = o.columns}, o.sheet);
  if (o.common.json) {
    nlohmann::ordered_json j{{"name", d.name},
                             {"source", d.source},
                             {"shape", {d.train.channels, d.train.height, d.train.width}},
                             {"train", d.train.count()},
                             {"test", d.test.count()},
                             {"mean", d.mean},
                             {"std", d.std},
                             {"notes", d.notes}};
    for (std::size_t c = 0; c < classes; ++c) {
      j["classes"].push_back({{"name", d.class_names[c]}, {"train", train[c]}, {"test", test[c]}});
    }
    if (!o.sheet.empty()) j["sheet"] = o.sheet;
    print_json(j);
    return;
  }
  print_out("{}: {} train, {} test images of {}x{}x{}, {} classes\nread from {}\n", d.name, d.train.count(),
            d.test.count(), d.train.channels, d.train.height, d.train.width, classes, d.source);
  for (const std::string& note : d.notes) print_out("{}\n", note);
  for (std::size_t c = 0; c < d.mean.size(); ++c)
    print_out("channel {}: mean {:.4f}, std {:.4f}\n", c, d.mean[c], d.std[c]);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t c = 0; c < classes; ++c) {
    rows.push_back({fmt::format("{} {}", c, d.class_names[c]), std::to_string(train[c]), std::to_string(test[c])});
  }
  print_out("{}", table({"class", "train", "test"}, rows));
  if (!o.sheet.empty()) print_out("contact sheet: {}\n", o.sheet);
}

}  // namespace

void add_data(App& app) {
  auto o = std::make_shared<DataOptions>();
  App* verb = app.add_subcommand("data", "List data sets, describe one, or draw a contact sheet of it");
  verb->add_option("name", o->name, "Data set to describe; without it: list all and where they are");
  verb->add_option("--data-dir", o->data_dir, "Folder to look in first");
  verb->add_option("--image-size", o->image_size, "Side that images are resized and cropped to; 0: as they are")
      ->check(Range(0, 4096));
  verb->add_option("--sheet", o->sheet, "Write a contact sheet of training images to this PNG file");
  verb->add_option("--rows", o->rows, "Rows of the contact sheet")->check(Range(1, 1000))->capture_default_str();
  verb->add_option("--columns", o->columns, "Columns of the contact sheet")
      ->check(Range(1, 1000))
      ->capture_default_str();
  verb->examples({"tern data", "tern data folder:photos --sheet photos.png"});
  add_common(*verb, o->common);
  verb->callback([o, verb] {
    if (o->name.empty()) verb->refuse({"--sheet", "--image-size"}, "needs the name of a data set");
    if (o->sheet.empty()) verb->refuse({"--rows", "--columns"}, "has no effect without --sheet");
    refuse_idle_data_dir(o->data_dir, o->name);
    if (!o->sheet.empty() && !o->sheet.ends_with(".png"))
      throw ValidationError("--sheet", "expected a name ending in .png");
    o->name.empty() ? list_all(*o) : describe(*o);
  });
}

}  // namespace tern::cli

#include "starter.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "console.hpp"
#include "tern/data.hpp"

namespace tern::cli {
namespace {

struct Starter {
  const char* set;  // what data is called before a ':'; "" for all others
  std::vector<std::pair<const char*, const char*>> settings;
};

// Small images get the recipe of the quickstart, colour ones residual networks and augmentation; larger images are
// resized first, since a first network should be there within the hour.
const std::vector<Starter>& starters() {
  using Settings = std::vector<std::pair<const char*, const char*>>;
  static const Settings grey{{"model", "vgg_small"},   {"width", "16"},
                             {"epochs", "3"},          {"batch", "64"},
                             {"weight_decay", "1e-4"}, {"schedule", "cosine:hi=0.05,lo=0,per=step"}};
  static const Settings colour{{"model", "resnet20"},
                               {"epochs", "20"},
                               {"augment", "pad=4,flip"},
                               {"weight_decay", "1e-4"},
                               {"schedule", "warmup:to=0.1,for=1+cosine:hi=0.1,lo=0,per=step"}};
  static const Settings photos{{"model", "vgg_small"},   {"width", "32"},
                               {"image_size", "64"},     {"epochs", "20"},
                               {"batch", "32"},          {"augment", "pad=8,flip"},
                               {"weight_decay", "1e-4"}, {"schedule", "cosine:hi=0.05,lo=0,per=step"}};
  static const std::vector<Starter> all{
      {"fashion-mnist", grey},  {"fashion-mnist-mini", grey}, {"mnist", grey}, {"cifar10", colour},
      {"cifar10-jpeg", colour}, {"cifar100", colour},         {"", photos}};
  return all;
}

std::string set_of(const std::string& data) { return data.substr(0, data.find(':')); }

// Fashion-MNIST if it is installed, else the part of it that comes with tern.
std::string data_at_hand(const Overrides& given) {
  LoadOptions where;
  if (const auto dir = given.find("data_dir"); dir != given.end()) where.data_dir = dir->second;
  where.search_path = data_search_path();
  return find_dataset("fashion-mnist", where).empty() ? "fashion-mnist-mini" : "fashion-mnist";
}

}  // namespace

TrainConfig start_config(const Overrides& given, std::string& note) {
  TrainConfig config;
  std::vector<std::string> chosen;
  const auto choose = [&](const std::string& name, const std::string& text) {
    if (given.contains(name)) return;
    config.set(name, text);
    chosen.push_back(name + " " + text);
  };
  if (const auto data = given.find("data"); data != given.end())
    config.data = data->second;
  else
    choose("data", data_at_hand(given));
  const bool own_topology = given.contains("graph") || given.contains("genotype");
  const bool own_model = own_topology || given.contains("model");
  for (const Starter& s : starters()) {
    if (*s.set && set_of(config.data) != s.set) continue;
    for (const auto& [name, text] : s.settings) {
      const std::string setting = name;
      if (own_topology && setting == "model") continue;
      if (own_model && (setting == "width" || setting == "image_size")) continue;
      if (given.contains("policy") && (setting == "epochs" || setting == "schedule")) continue;
      choose(setting, text);
    }
    break;
  }
  if (!own_topology && !given.contains("weights") && !given.contains("acts")) {
    choose("weights", "twn");
    choose("acts", "ternary");
  }
  for (const auto& [name, text] : given) config.set(name, text);
  note.clear();
  for (const std::string& c : chosen) note += (note.empty() ? "chosen here: " : ", ") + c;
  return config;
}

std::string free_run_directory(const TrainConfig& config) {
  std::string name = set_of(config.data);
  if (name == "folder" || name == "tar")
    name = std::filesystem::path(config.data.substr(name.size() + 1)).stem().string();
  if (name.empty()) name = "run";
  for (int n = 1;; ++n) {
    const std::string directory = fmt::format("runs/{}-{}", name, n);
    std::error_code ec;
    if (!std::filesystem::exists(directory, ec)) return directory;
  }
}

}  // namespace tern::cli

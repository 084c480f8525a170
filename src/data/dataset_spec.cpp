#include "data/dataset_spec.hpp"

#include <algorithm>
#include <filesystem>

#include "core/number_text.hpp"
#include "tern/error.hpp"
#include "tern/spec.hpp"

namespace tern {

const OptionTable& dataset_options() {
  static const OptionTable table{
      {"channels", "auto", "auto|1|3|4", "widen or narrow images to so many channels; auto: as the files are"},
      {"split", "0.2", "[0, 1]", "of a tree without test images: the share of every class that becomes them; 1: all"},
      {"seed", "1", "0..2147483647", "what chooses them"},
      {"bad", "refuse", "refuse|skip", "of a tree: image files that cannot be read are an error, or are left out"},
      {"memory", "4096", "0..1048576",
       "of a tree: MiB of pixels to keep; with more, images are decoded while they are used, and the first so many "
       "stay"}};
  return table;
}

namespace data {
namespace {

/// Cuts the last ",word=value" off `text`; empty if it ends in none. What is there as it stands is a path to its end.
std::string_view cut_option(std::string_view& text) {
  const std::size_t comma = text.rfind(',');
  if (comma == text.npos) return {};
  const std::string_view option = text.substr(comma + 1);
  const std::size_t equals = option.find('=');
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  if (equals == 0 || equals == option.npos ||
      !std::all_of(option.begin(), option.begin() + static_cast<std::ptrdiff_t>(equals), is_letter))
    return {};
  std::error_code ignored;
  const std::size_t colon = text.find(':');
  if (colon != text.npos && std::filesystem::exists(text.substr(colon + 1), ignored)) return {};
  text = text.substr(0, comma);
  return option;
}

}  // namespace

DatasetSpec parse_spec(std::string_view text, const LoadOptions& options) {
  DatasetSpec out;
  out.options = options;
  Spec given;
  for (std::string_view option = cut_option(text); !option.empty(); option = cut_option(text)) {
    const std::string name(option.substr(0, option.find('=')));
    if (given.has(name)) throw ValueError("[load_dataset] expected each option once; got \"" + name + "\" twice");
    given.options.emplace_back(name, option.substr(name.size() + 1));
  }
  const std::size_t colon = text.find(':');
  out.has_path = colon != text.npos;
  out.name = given.key = text.substr(0, colon);
  if (out.has_path) out.path = text.substr(colon + 1);
  const Spec all = given.completed(dataset_options());
  LoadOptions& o = out.options;
  if (given.has("channels")) o.shape.channels = all.text("channels") == "auto" ? 0 : all.integer("channels");
  if (given.has("split")) o.split.share = all.number("split");
  if (given.has("seed")) o.split.seed = static_cast<std::uint64_t>(all.integer("seed"));
  if (given.has("bad")) o.skip_bad = all.text("bad") == "skip";
  if (given.has("memory")) o.memory = static_cast<std::uint64_t>(all.integer("memory")) << 20;
  const auto first_of = [&](std::initializer_list<const char*> names) {
    const auto* it = std::find_if(names.begin(), names.end(), [&](const char* name) { return given.has(name); });
    return it == names.end() ? std::string() : std::string(*it);
  };
  out.asks_split = first_of({"split", "seed"});
  out.asks_tree = first_of({"bad", "memory"});
  return out;
}

}  // namespace data

std::string TestSplit::text() const {
  return "split=" + number_text(share) + (share < 1 ? ",seed=" + std::to_string(seed) : "");
}

}  // namespace tern

// DataRecord: what a network keeps of its data, as text and back; and classes by name.
#include <algorithm>
#include <charconv>
#include <set>

#include "core/printable.hpp"
#include "data/dataset_spec.hpp"
#include "data/images.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"
#include "tern/rng.hpp"

namespace tern {
namespace {

constexpr int kMaxRecordSide = 16384;

std::string shape_text(ImageShape s) {
  return std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" + std::to_string(s.width);
}

/// "CxHxW", every extent within bounds; else all 0.
ImageShape parsed_shape(std::string_view text) {
  ImageShape s;
  for (int* const extent : {&s.channels, &s.height, &s.width}) {
    const std::string_view digits = text.substr(0, extent == &s.width ? text.npos : text.find('x'));
    const char* const end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, *extent);
    if (error != std::errc() || stopped != end || *extent < 1 || *extent > kMaxRecordSide) return {};
    text.remove_prefix(std::min(digits.size() + 1, text.size()));
  }
  return text.empty() ? s : ImageShape{};
}

std::string quoted_list(const std::set<std::string>& names) {
  constexpr std::size_t kShown = 10;
  std::string out;
  std::size_t n = 0;
  for (const std::string& name : names) {
    if (n++ == kShown) return out + " and " + std::to_string(names.size() - kShown) + " more";
    out += (out.empty() ? "\"" : ", \"") + name + "\"";
  }
  return out;
}

}  // namespace

DataRecord DataRecord::of(const Dataset& set, const Augment& augment) {
  const Images& images = set.train.count() > 0 ? set.train : set.test;
  return {set.name, set.fingerprint, set.class_names, images.shape(), set.split, augment.evaluation()};
}

std::map<std::string, std::string> DataRecord::text() const {
  std::map<std::string, std::string> out;
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) out[key] = value;
  };
  put("data", name);
  put("data.fingerprint", fingerprint);
  put("data.images", images == ImageShape{} ? "" : shape_text(images));
  put("data.split", split ? split->text() : "");
  put("data.view", view.format());
  for (std::size_t c = 0; c < class_names.size(); ++c) out["class." + std::to_string(c)] = class_names[c];
  return out;
}

DataRecord DataRecord::parse(const std::map<std::string, std::string>& texts, const std::string& path) {
  const auto get = [&](const std::string& key) {
    const auto it = texts.find(key);
    return it == texts.end() ? std::string() : it->second;
  };
  const auto refuse = [&](const char* key, const std::string& expected) {
    throw FormatError("[data_record] " + path + ": " + key + ": expected " + expected + "; got \"" +
                      printable(get(key)) + "\"");
  };
  DataRecord record{printable(get("data"), 255), printable(get("data.fingerprint")), {}, {}, {}, {}};
  for (std::size_t c = 0; texts.contains("class." + std::to_string(c)); ++c) {
    record.class_names.push_back(printable(get("class." + std::to_string(c)), 255));
  }
  if (!get("data.images").empty()) {
    record.images = parsed_shape(get("data.images"));
    if (record.images == ImageShape{}) refuse("data.images", "a shape CxHxW");
  }
  try {
    if (!get("data.split").empty()) record.split = data::parse_spec("tree," + get("data.split"), {}).options.split;
  } catch (const ValueError&) {
    refuse("data.split", "a split");
  }
  try {
    record.view = Augment::parse(get("data.view")).evaluation();
  } catch (const ValueError&) {
    refuse("data.view", "steps of an augmentation");
  }
  return record;
}

Images DataRecord::seen(Images given) const {
  if (images != ImageShape{} && given.shape() != images) given = convert_images(given, images);
  if (view.empty()) return given;
  const ImageShape from = given.shape();
  return data::map_images(given, view.output_shape(from), [view = view, from](auto in, auto out) {
    thread_local Augment::Scratch scratch;
    Rng unused(0, 0);
    ImageShape shape = from;
    const auto result = view.transform(in, shape, unused, scratch);
    std::copy(result.begin(), result.end(), out.begin());
  });
}

ClassMatch match_classes(const std::vector<std::string>& classes, std::span<const std::int32_t> used,
                         const std::vector<std::string>& network, std::int64_t outputs) {
  ClassMatch match;
  match.outputs.assign(classes.size(), -1);
  if (network.empty() && static_cast<std::int64_t>(classes.size()) != outputs) {
    throw ValueError("[match_classes] expected data of " + std::to_string(outputs) +
                     " classes, as many as the network has outputs, whose names it does not tell; got " +
                     std::to_string(classes.size()) + " classes");
  }
  if (static_cast<std::int64_t>(network.size()) > outputs) {
    throw ValueError("[match_classes] expected at most one class an output; got " + std::to_string(network.size()) +
                     " classes and " + std::to_string(outputs) + " outputs");
  }
  if (network.empty()) match.note = "the network does not tell its classes: those of the data go by position";
  if (network.empty() || classes == network) {
    for (std::size_t c = 0; c < classes.size(); ++c) match.outputs[c] = static_cast<std::int32_t>(c);
    return match;
  }
  std::set<std::string> missing, unclear;
  for (const std::int32_t c : std::set<std::int32_t>(used.begin(), used.end())) {
    const std::string& name = classes.at(static_cast<std::size_t>(c));
    const auto at = std::find(network.begin(), network.end(), name);
    if (at == network.end()) missing.insert(name);
    if (std::count(network.begin(), network.end(), name) > 1 || std::count(classes.begin(), classes.end(), name) > 1)
      unclear.insert(name);
    match.outputs[static_cast<std::size_t>(c)] = static_cast<std::int32_t>(at - network.begin());
  }
  const std::string known = quoted_list({network.begin(), network.end()});
  if (!missing.empty()) {
    throw ValueError("[match_classes] expected classes that the network knows (" + known + "); got " +
                     quoted_list(missing) + " (folders are named in classes.txt)");
  }
  if (!unclear.empty()) {
    throw ValueError("[match_classes] expected names that stand for one class each; got " + quoted_list(unclear) +
                     " more than once");
  }
  match.note = "classes by name: " + std::to_string(classes.size()) + " of the data among the network's " +
               std::to_string(network.size());
  return match;
}

}  // namespace tern

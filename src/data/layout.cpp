#include "data/layout.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "core/names.hpp"
#include "data/streams.hpp"
#include "data/walk.hpp"
#include "tern/rng.hpp"

namespace tern::data {
namespace {

using Parts = std::vector<std::string>;

enum class SplitKind { kTrain, kTest, kValidation };

Parts parts_of(const std::string& name) {
  Parts parts;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

bool is_hidden(const Parts& parts) {
  return std::any_of(parts.begin(), parts.end(), [](const std::string& p) { return p.starts_with('.'); });
}

std::optional<SplitKind> split_kind(const std::string& folder) {
  std::string lower = folder;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::array kNames{std::pair{"train", SplitKind::kTrain},
                              std::pair{"training", SplitKind::kTrain},
                              std::pair{"test", SplitKind::kTest},
                              std::pair{"testing", SplitKind::kTest},
                              std::pair{"val", SplitKind::kValidation},
                              std::pair{"valid", SplitKind::kValidation},
                              std::pair{"validation", SplitKind::kValidation}};
  const auto it = std::find_if(kNames.begin(), kNames.end(), [&](const auto& n) { return lower == n.first; });
  return it == kNames.end() ? std::nullopt : std::optional(it->second);
}

struct Place {
  SplitKind split;
  std::string folder;
};

/// <split>/<class>/ and at least `behind` parts more.
std::optional<Place> place_in_splits(const Parts& parts, std::size_t behind) {
  for (std::size_t i = 0; i + 1 + behind < parts.size(); ++i) {
    if (const auto split = split_kind(parts[i])) return Place{*split, parts[i + 1]};
  }
  return std::nullopt;
}

/// <class>/ and at least `behind` parts more, under the parts that all images share in front of it.
std::optional<Place> place_by_class(const Parts& parts, const Parts& common, std::size_t behind) {
  if (parts.size() < common.size() + 1 + behind || !std::equal(common.begin(), common.end(), parts.begin()))
    return std::nullopt;
  return Place{SplitKind::kTrain, parts[common.size()]};
}

/// A folder that holds the whole tree, as tars often have it; a class that is alone is none.
Parts common_folders(const std::vector<Parts>& images) {
  Parts common;
  if (images.empty()) return common;
  while (std::all_of(images.begin(), images.end(), [&](const Parts& p) {
    return p.size() >= common.size() + 3 && p[common.size()] == images[0][common.size()];
  })) {
    common.push_back(images[0][common.size()]);
  }
  return common;
}

std::string counted(std::size_t n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

}  // namespace

std::string kinds_text(const Kinds& kinds) {
  return join(kinds, ", ", [](const auto& kind) {
    return std::to_string(kind.second) + (kind.first.empty() ? " without extension" : " ." + kind.first);
  });
}

std::string unread_note(const Kinds& kinds) {
  return "left out, because nothing here reads them: " + kinds_text(kinds);
}

Layout lay_out(std::vector<TreeFile> files, const std::vector<std::string>& folders) {
  std::vector<Parts> images;
  for (const TreeFile& f : files) {
    Parts parts = parts_of(f.name);
    if (is_image_name(f.name) && !is_hidden(parts)) images.push_back(std::move(parts));
  }
  const bool splits =
      std::any_of(images.begin(), images.end(), [](const Parts& p) { return place_in_splits(p, 1).has_value(); });
  const Parts common = splits ? Parts{} : common_folders(images);
  const auto place_of = [&](const Parts& parts, std::size_t behind) {
    return splits ? place_in_splits(parts, behind) : place_by_class(parts, common, behind);
  };

  Layout out;
  std::vector<TreeFile> validation;
  Kinds left_out;
  std::size_t homeless = 0;
  for (const std::string& folder : folders) {
    const Parts parts = parts_of(folder);
    const auto place = place_of(parts, 0);
    if (place && !is_hidden(parts) && place->split == SplitKind::kTrain) out.train_folders[place->folder];
  }
  for (TreeFile& f : files) {
    const Parts parts = parts_of(f.name);
    if (is_hidden(parts)) continue;
    const auto place = place_of(parts, 1);
    if (!is_image_name(f.name)) {
      if (!place) continue;
      ++left_out[extension_of(parts.back())];
      if (place->split == SplitKind::kTrain) ++out.train_folders[place->folder][extension_of(parts.back())];
      continue;
    }
    if (!place) {
      ++homeless;
      continue;
    }
    f.folder = place->folder;
    if (place->split == SplitKind::kTrain) out.train_folders[f.folder];
    std::vector<TreeFile>& part = place->split == SplitKind::kTrain  ? out.train
                                  : place->split == SplitKind::kTest ? out.test
                                                                     : validation;
    part.push_back(std::move(f));
  }
  if (!left_out.empty()) out.notes.push_back(unread_note(left_out));
  if (homeless > 0)
    out.notes.push_back("left out, because they lie in no folder of a class: " + counted(homeless, "image"));
  if (out.test.empty()) {
    out.test = std::move(validation);
  } else if (!validation.empty()) {
    out.notes.push_back("left out, because there are test images: " + counted(validation.size(), "validation image"));
  }
  return out;
}

void split_off_test(Layout& layout, const TestSplit& split) {
  // In an order that each name decides for itself: a further image moves no other one, or hardly any.
  using Drawn = std::pair<std::uint64_t, std::size_t>;
  std::map<std::string, std::vector<Drawn>> by_class;
  for (std::size_t i = 0; i < layout.train.size(); ++i) {
    Rng rng(split.seed, test_stream(layout.train[i].name));
    by_class[layout.train[i].folder].emplace_back(rng.next_u64(), i);
  }
  std::vector<bool> moves(layout.train.size());
  for (auto& [folder, members] : by_class) {
    std::sort(members.begin(), members.end());
    auto n = static_cast<std::size_t>(std::lround(split.share * static_cast<double>(members.size())));
    if (split.share > 0 && split.share < 1) n = std::min(std::max<std::size_t>(n, 1), members.size() - 1);
    for (std::size_t k = 0; k < n; ++k) moves[members[k].second] = true;
  }
  std::vector<TreeFile> stays;
  for (std::size_t i = 0; i < moves.size(); ++i) (moves[i] ? layout.test : stays).push_back(std::move(layout.train[i]));
  layout.train = std::move(stays);
}

}  // namespace tern::data

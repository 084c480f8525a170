// Trees of image files: sorted by their names, then decoded in parallel, or when they are asked for if they are many.
#include "data/tree.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "core/names.hpp"
#include "core/printable.hpp"
#include "data/class_list.hpp"
#include "data/decode.hpp"
#include "data/images.hpp"
#include "data/layout.hpp"
#include "data/tree_source.hpp"
#include "data/walk.hpp"
#include "files/read.hpp"
#include "files/tar.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"
#include "tern/parallel.hpp"

namespace tern::data {
namespace {

constexpr std::int64_t kDecodeGrain = 64;
constexpr std::size_t kShown = 10;  // of a list, in messages

struct Tree {
  std::string path;
  Layout layout;
  Bytes classes_txt;
  std::shared_ptr<const Bytes> archive;
};

struct Classes {
  std::map<std::string, std::int32_t> index;  ///< by folder
  std::vector<std::string> names;
};

struct Part {
  std::vector<TreeFile> files;
  std::vector<std::int32_t> labels;
};

[[noreturn]] void refuse(const Tree& tree, const std::string& what) {
  throw FormatError("[read_tree] " + printable(tree.path, kMaxPathShown) + ": " + what);
}

/// Nothing would be learnt of such a class, and those behind it would have other numbers without it.
void refuse_empty_class(const Tree& tree) {
  std::set<std::string> filled;
  for (const TreeFile& f : tree.layout.train) filled.insert(f.folder);
  for (const auto& [folder, kinds] : tree.layout.train_folders) {
    if (filled.empty() || filled.contains(folder)) continue;
    refuse(tree, "expected images (jpg, png, bmp, gif, pnm) in the folder of every class; got none in \"" +
                     printable(folder) + "\"" + (kinds.empty() ? "" : ", but " + printable(kinds_text(kinds))));
  }
}

Classes find_classes(Tree& tree) {
  const std::vector<TreeFile>& files = tree.layout.train.empty() ? tree.layout.test : tree.layout.train;
  std::set<std::string> folders;
  for (const TreeFile& f : files) folders.insert(f.folder);
  Classes classes;
  const auto add = [&](const std::string& folder, const std::string& name) {
    if (classes.index.emplace(folder, static_cast<std::int32_t>(classes.names.size())).second) {
      classes.names.push_back(printable(name, 255));  // shown in tables; told apart by their folders
    }
  };
  std::vector<std::string> unused;
  for (const auto& [folder, name] : class_lines(tree.classes_txt, folders, tree.path + "/classes.txt")) {
    add(folder, name);
    if (!folders.contains(folder)) unused.push_back(printable(folder, 255));
  }
  if (!unused.empty()) tree.layout.notes.push_back("classes.txt names classes without images: " + join(unused));
  if (classes.names.empty()) {
    for (const std::string& f : folders) add(f, f);
  }
  return classes;
}

Part chosen(Part part, const std::vector<std::int64_t>& indices) {
  Part out;
  for (const std::int64_t i : indices) {
    out.files.push_back(std::move(part.files[static_cast<std::size_t>(i)]));
    out.labels.push_back(part.labels[static_cast<std::size_t>(i)]);
  }
  return out;
}

Part labelled(const Tree& tree, const Classes& classes, std::vector<TreeFile> files, std::int64_t limit) {
  Part part;
  for (const TreeFile& f : files) {
    const auto found = classes.index.find(f.folder);
    if (found == classes.index.end()) {
      refuse(tree, "expected the folders of classes.txt or of the training images; got \"" + printable(f.folder) +
                       "\" (" + printable(f.path, kMaxPathShown) + ")");
    }
    part.labels.push_back(found->second);
  }
  part.files = std::move(files);
  if (limit == 0 || limit >= static_cast<std::int64_t>(part.files.size())) return part;
  const std::vector<std::int64_t> first = first_of_each_class(part.labels, limit);
  return chosen(std::move(part), first);
}

/// What became of each file of a part: why it could not be used, or "".
using Failures = std::vector<std::string>;

/// Calls use(i, file) for the files [begin, end) of a part, in parallel, but for those that have failed already.
template <class Use>
void for_each_file(const Part& part, std::size_t begin, std::size_t end, Failures& failures, Use&& use) {
  parallel_ranges(static_cast<std::int64_t>(end - begin), kDecodeGrain, [&](std::int64_t first, std::int64_t last) {
    for (auto i = begin + static_cast<std::size_t>(first); i < begin + static_cast<std::size_t>(last); ++i) {
      if (!failures[i].empty()) continue;
      expect_no_interrupt();
      try {
        use(i, part.files[i]);
      } catch (const Error& e) {
        failures[i] = e.what();
      }
    }
  });
}

/// The files that did not fail. The others are an error, or with `skip` a note.
std::vector<std::int64_t> good_files(Tree& tree, const Failures& failures, bool skip) {
  std::vector<std::int64_t> good;
  std::vector<std::string> told;
  for (std::size_t i = 0; i < failures.size(); ++i) {
    if (failures[i].empty()) {
      good.push_back(static_cast<std::int64_t>(i));
    } else if (told.size() < kShown) {
      told.push_back(failures[i]);
    }
  }
  const std::size_t bad = failures.size() - good.size();
  if (bad == 0) return good;
  const std::string list = join(told, "; ") + (bad > kShown ? "; and " + std::to_string(bad - kShown) + " more" : "");
  const std::string count = std::to_string(bad) + " of " + std::to_string(failures.size()) + " images cannot be read";
  if (!skip) refuse(tree, count + " (with bad=skip they are left out): " + list);
  tree.layout.notes.push_back("left out, because " + count + ": " + list);
  return good;
}

/// The shape of all images: what is asked, else what the files have. Photos of several sizes, or of more pixels than
/// anybody trains on, come to a size of ours.
class CommonShape {
 public:
  explicit CommonShape(ImageShape asked) : asked_(asked) {}

  /// Nothing further can change it.
  bool is_known() const { return asked_.height != 0 && (asked_.channels != 0 || colour_); }

  void add(ImageShape shape) {
    colour_ = colour_ || shape.channels >= 3;
    const auto by_area = [](ImageShape x, ImageShape y) { return x.height * x.width < y.height * y.width; };
    if (least_.height == 0) least_ = most_ = shape;
    mixed_ = mixed_ || shape.height != least_.height || shape.width != least_.width;
    if (by_area(shape, least_)) least_ = shape;
    if (by_area(most_, shape)) most_ = shape;
    shorter_side_ = std::min({shorter_side_, shape.height, shape.width});
    longer_side_ = std::max({longer_side_, shape.height, shape.width});
  }

  ImageShape shape() const {
    ImageShape s = asked_;
    if (s.channels == 0) s.channels = colour_ ? 3 : 1;
    if (s.height != 0) return s;
    if (!chosen_here()) return {s.channels, least_.height, least_.width};
    return {s.channels, std::min(shorter_side_, kOurSide), std::min(shorter_side_, kOurSide)};
  }

  /// What people should know of it, or "".
  std::string note() const {
    if (!chosen_here()) return "";
    const std::string side = std::to_string(shape().height);
    return "images of " + (mixed_ ? extents(least_) + " to " : "") + extents(most_) + " pixels are brought to " + side +
           "x" + side + " (image_size chooses)";
  }

 private:
  static constexpr int kOurSide = 64, kLargeSide = 512;

  bool chosen_here() const { return asked_.height == 0 && (mixed_ || longer_side_ > kLargeSide); }
  static std::string extents(ImageShape s) { return std::to_string(s.width) + "x" + std::to_string(s.height); }

  ImageShape asked_, least_, most_;
  bool colour_ = false, mixed_ = false;
  int shorter_side_ = std::numeric_limits<int>::max(), longer_side_ = 0;
};

void add_headers(Tree& tree, Part& part, bool skip, CommonShape& common) {
  constexpr std::size_t kBlock = 1024;
  std::vector<ImageShape> shapes(part.files.size());
  Failures failures(part.files.size());
  for (std::size_t begin = 0; begin < shapes.size() && !common.is_known(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, shapes.size());
    for_each_file(part, begin, end, failures, [&](std::size_t i, const TreeFile& file) {
      Bytes storage;
      shapes[i] = image_header(file_bytes(file, storage), file.path, file.offset);
    });
    for (std::size_t i = begin; i < end; ++i) {
      if (failures[i].empty()) common.add(shapes[i]);
    }
  }
  part = chosen(std::move(part), good_files(tree, failures, skip));
}

Images decoded_now(Tree& tree, Part part, ImageShape shape, bool skip) {
  Images images{shape.channels, shape.height, shape.width, {}, part.labels};
  const std::size_t numel = shape.numel();
  images.pixels.resize(part.files.size() * numel);
  Failures failures(part.files.size());
  for_each_file(part, 0, part.files.size(), failures, [&](std::size_t i, const TreeFile& file) {
    decode_file(file, shape, {images.pixels.data() + i * numel, numel});
  });
  const std::vector<std::int64_t> good = good_files(tree, failures, skip);
  return good.size() == failures.size() ? std::move(images) : select_images(images, good);
}

/// Which files to leave out shows only in a look at all of them.
Part without_bad(Tree& tree, Part part, ImageShape shape) {
  Failures failures(part.files.size());
  for_each_file(part, 0, part.files.size(), failures, [&](std::size_t, const TreeFile& file) {
    Bytes unused(shape.numel());
    decode_file(file, shape, unused);
  });
  return chosen(std::move(part), good_files(tree, failures, true));
}

Images images_of(Tree& tree, Part part, ImageShape shape, const LoadOptions& options,
                 const std::shared_ptr<Budget>& budget) {
  const std::uint64_t size = part.files.size() * shape.numel();
  if (size <= static_cast<std::uint64_t>(budget->load())) {
    budget->fetch_sub(static_cast<std::int64_t>(size));
    return decoded_now(tree, std::move(part), shape, options.skip_bad);
  }
  if (options.skip_bad) part = without_bad(tree, std::move(part), shape);
  tree.layout.notes.push_back("decoded while they are used: " + std::to_string(part.files.size()) + " images of " +
                              std::to_string(size >> 20) + " MiB, over memory=" + std::to_string(options.memory >> 20));
  Images images{shape.channels, shape.height, shape.width, {}, std::move(part.labels)};
  images.source = std::make_shared<TreeSource>(std::move(part.files), shape, tree.archive, budget);
  return images;
}

/// Where there are no test images, a share of each class becomes them.
void provide_test(Tree& tree, const LoadOptions& options, Dataset& set) {
  Layout& layout = tree.layout;
  if (!layout.test.empty() || options.split.share == 0) return;
  const std::size_t all = layout.train.size();
  split_off_test(layout, options.split);
  set.split = options.split;
  layout.notes.push_back("test images: " + std::to_string(layout.test.size()) + " of " + std::to_string(all) +
                         ", from every class (" + set.split->text() + ")");
}

Dataset read_sorted(Tree tree, const LoadOptions& options) {
  if (tree.layout.train.empty() && tree.layout.test.empty()) {
    refuse(tree, "expected <class>/<image> or train/<class>/<image> (jpg, png, bmp, gif, pnm); got " +
                     (tree.layout.notes.empty() ? "no image" : "none: " + join(tree.layout.notes, "; ")));
  }
  refuse_empty_class(tree);
  Dataset set;
  provide_test(tree, options, set);
  Classes classes = find_classes(tree);
  Part train = labelled(tree, classes, std::move(tree.layout.train), options.limit_train);
  Part test = labelled(tree, classes, std::move(tree.layout.test), options.limit_test);
  set.class_names = std::move(classes.names);
  CommonShape common(options.shape);
  add_headers(tree, train, options.skip_bad, common);
  add_headers(tree, test, options.skip_bad, common);
  if (!common.note().empty()) tree.layout.notes.push_back(common.note());
  const auto budget = std::make_shared<Budget>(static_cast<std::int64_t>(options.memory));
  set.test = images_of(tree, std::move(test), common.shape(), options, budget);
  set.train = images_of(tree, std::move(train), common.shape(), options, budget);
  set.notes = std::move(tree.layout.notes);
  return set;
}

/// The list of classes that lies nearest to the top; nullptr without one.
const TreeFile* list_of_classes(const std::vector<TreeFile>& files) {
  const TreeFile* found = nullptr;
  for (const TreeFile& f : files) {
    if (f.name != "classes.txt" && !f.name.ends_with("/classes.txt")) continue;
    if (!found || f.name.size() < found->name.size()) found = &f;
  }
  return found;
}

Tree tree_of(const std::string& path, std::vector<TreeFile> files, const std::vector<std::string>& folders) {
  Tree tree{path, {}, {}, nullptr};
  if (const TreeFile* list = list_of_classes(files)) {
    Bytes storage;
    const ByteView text = file_bytes(*list, storage);
    tree.classes_txt.assign(text.begin(), text.end());
  }
  tree.layout = lay_out(std::move(files), folders);
  return tree;
}

}  // namespace

Dataset read_tree_folder(const std::string& folder, const LoadOptions& options) {
  FolderContent content = walk_folder(folder);
  std::vector<TreeFile> files;
  for (const std::string& name : content.files) {
    files.push_back({name, (std::filesystem::path(folder) / name).string()});
  }
  Tree tree = tree_of(folder, std::move(files), content.folders);
  if (!content.dead_links.empty()) tree.layout.notes.push_back(dead_links_note(content));
  return read_sorted(std::move(tree), options);
}

Dataset read_tree_tar(const std::string& path, const LoadOptions& options) {
  const auto archive = std::make_shared<const Bytes>(read_regular_file<std::uint8_t>(path));
  std::vector<TreeFile> files;
  for (const TarMember& m : list_tar(*archive, path)) {
    files.push_back({m.name, path + ": " + m.name, m.bytes, m.offset});
  }
  Tree tree = tree_of(path, std::move(files), {});
  tree.archive = archive;
  return read_sorted(std::move(tree), options);
}

Dataset read_tree(const std::string& path, const LoadOptions& options) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? read_tree_folder(path, options) : read_tree_tar(path, options);
}

}  // namespace tern::data

// Trees of image files: sort out which file is what by its path, then decode all of them in parallel.
#include "data/tree.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "core/printable.hpp"
#include "data/decode.hpp"
#include "data/images.hpp"
#include "data/resample.hpp"
#include "data/tar.hpp"
#include "tern/parallel.hpp"

namespace tern::data {
namespace {

constexpr const char* kOp = "read_tree";
constexpr std::int64_t kDecodeGrain = 64;

/// One image file: on disk (no bytes yet), or a member of a tar.
struct TreeFile {
  std::string folder;  ///< of its class
  std::string path;    ///< for messages; on disk also where to read it
  ByteView bytes;
  std::uint64_t offset = 0;
};

struct Tree {
  std::string path;
  std::map<std::string, std::vector<TreeFile>> splits;  ///< by first folder
  Bytes classes_txt;
};

bool is_image_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string extension(name.substr(dot + 1));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr std::array kKnown{"jpg", "jpeg", "png", "pgm", "ppm"};
  return std::find(kKnown.begin(), kKnown.end(), extension) != kKnown.end();
}

/// Puts a file under its split and class by its relative path: [anything/]<split>/<class>/[anything/]<image>.
void sort_in(Tree& tree, const std::string& relative, TreeFile file) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(relative)) {
    if (part == ".") continue;
    // Hidden files are notes of operating systems (._x.jpg), never data.
    if (part.native().starts_with('.')) return;
    parts.push_back(part.string());
  }
  if (parts.size() < 3 || !is_image_name(parts.back())) return;
  constexpr std::array kSplits{"train", "test", "val", "valid", "validation"};
  for (std::size_t i = 0; i + 2 < parts.size(); ++i) {
    if (std::find(kSplits.begin(), kSplits.end(), parts[i]) == kSplits.end()) continue;
    file.folder = parts[i + 1];
    tree.splits[parts[i]].push_back(std::move(file));
    return;
  }
}

struct Classes {
  std::map<std::string, std::int32_t> index;  ///< by folder
  std::vector<std::string> names;
};

Classes find_classes(const Tree& tree, const std::vector<TreeFile>& train) {
  Classes classes;
  const auto add = [&](const std::string& folder, const std::string& name) {
    if (classes.index.emplace(folder, static_cast<std::int32_t>(classes.names.size())).second) {
      classes.names.push_back(printable(name, 255));  // shown in tables; told apart by their folders
    }
  };
  std::string line;
  for (const std::uint8_t b : tree.classes_txt) {
    if (b != '\n') {
      if (b >= ' ') line += static_cast<char>(b);
      continue;
    }
    const std::size_t space = std::min(line.find(' '), line.size());
    if (space > 0) add(line.substr(0, space), space < line.size() ? line.substr(space + 1) : line);
    line.clear();
  }
  if (const std::size_t space = std::min(line.find(' '), line.size()); space > 0) {
    add(line.substr(0, space), space < line.size() ? line.substr(space + 1) : line);
  }
  if (classes.names.empty()) {
    std::set<std::string> folders;
    for (const TreeFile& f : train) folders.insert(f.folder);
    for (const std::string& f : folders) add(f, f);
  }
  return classes;
}

/// Labels and keeps the files wanted.
std::vector<std::int32_t> label_files(const Tree& tree, const Classes& classes, std::int64_t limit,
                                      std::vector<TreeFile>& files) {
  std::vector<std::int32_t> labels;
  for (const TreeFile& f : files) {
    const auto found = classes.index.find(f.folder);
    if (found == classes.index.end()) {
      bad_format(kOp, tree.path, f.offset, "class",
                 "expected a folder of classes.txt or of the training images; got \"" + printable(f.folder) + "\" (" +
                     printable(f.path, 4096) + ")");
    }
    labels.push_back(found->second);
  }
  if (limit > 0 && limit < static_cast<std::int64_t>(files.size())) {
    std::vector<TreeFile> kept;
    std::vector<std::int32_t> kept_labels;
    for (const std::int64_t i : first_of_each_class(labels, limit)) {
      kept.push_back(std::move(files[static_cast<std::size_t>(i)]));
      kept_labels.push_back(labels[static_cast<std::size_t>(i)]);
    }
    files = std::move(kept);
    labels = std::move(kept_labels);
  }
  return labels;
}

/// Calls use(file index, bytes) for every file, in parallel.
template <class Use>
void for_each_file(const std::vector<TreeFile>& files, Use&& use) {
  parallel_ranges(static_cast<std::int64_t>(files.size()), kDecodeGrain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      if (files[i].offset != 0) {
        use(i, files[i].bytes);
      } else {
        const Bytes bytes = read_file(files[i].path);
        use(i, ByteView(bytes));
      }
    }
  });
}

/// The one shape that the files have, or are brought to.
ImageShape common_shape(const Tree& tree, const std::vector<TreeFile>& files, const LoadOptions& options) {
  std::vector<ImageShape> shapes(files.size());
  if (options.size == 0 || options.channels == 0) {
    for_each_file(
        files, [&](std::size_t i, ByteView bytes) { shapes[i] = image_header(bytes, files[i].path, files[i].offset); });
  }
  ImageShape to{options.channels, options.size, options.size};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (options.channels == 0) to.channels = std::max(to.channels, shapes[i].channels >= 3 ? 3 : 1);
    if (options.size != 0) continue;
    if (i == 0) {
      to.height = shapes[0].height;
      to.width = shapes[0].width;
    } else if (shapes[i].height != to.height || shapes[i].width != to.width) {
      bad_format(kOp, tree.path, files[i].offset, "size",
                 "expected images of one size, or a size to bring them to; got " + std::to_string(to.width) + "x" +
                     std::to_string(to.height) + " in " + printable(files[0].path, 4096) + " and " +
                     std::to_string(shapes[i].width) + "x" + std::to_string(shapes[i].height) + " in " +
                     printable(files[i].path, 4096));
    }
  }
  if (files.size() > kMaxFileBytes / to.numel()) {
    bad_format(kOp, tree.path, 0, "size",
               "expected at most 4 GiB of pixels; got " + std::to_string(files.size()) + " images of " +
                   std::to_string(to.numel()));
  }
  return to;
}

Images decode_files(const std::vector<TreeFile>& files, ImageShape to, std::vector<std::int32_t> labels) {
  Images images{to.channels, to.height, to.width, {}, std::move(labels)};
  images.pixels.resize(files.size() * to.numel());
  for_each_file(files, [&](std::size_t i, ByteView bytes) {
    const DecodedImage image = decode_image(bytes, to.channels, files[i].path, files[i].offset);
    const std::span<std::uint8_t> out(images.pixels.data() + i * to.numel(), to.numel());
    FitScratch scratch;
    fit_image(image.pixels, image.shape, to, out, scratch);
  });
  return images;
}

Dataset read_sorted(Tree tree, const LoadOptions& options) {
  std::vector<TreeFile> train = std::move(tree.splits["train"]), test;
  for (const char* split : {"test", "val", "valid", "validation"}) {
    if (test.empty()) test = std::move(tree.splits[split]);
  }
  if (train.empty()) {
    bad_format(kOp, tree.path, 0, "train", "expected train/<class>/<image>.jpg (png, ppm, pgm); got none");
  }
  Dataset set;
  Classes classes = find_classes(tree, train);
  std::vector<std::int32_t> train_labels = label_files(tree, classes, options.limit_train, train);
  std::vector<std::int32_t> test_labels = label_files(tree, classes, options.limit_test, test);
  set.class_names = std::move(classes.names);
  ImageShape to = common_shape(tree, train, options);
  if (!test.empty()) {
    const ImageShape other = common_shape(tree, test, options);
    if (other.height != to.height || other.width != to.width) {
      bad_format(kOp, tree.path, test[0].offset, "size",
                 "expected the size of the training images, or a size to bring all to");
    }
    to.channels = std::max(to.channels, other.channels);
  }
  set.train = decode_files(train, to, std::move(train_labels));
  set.test = decode_files(test, to, std::move(test_labels));
  return set;
}

}  // namespace

Dataset read_tree_folder(const std::string& folder, const LoadOptions& options) {
  namespace fs = std::filesystem;
  Tree tree{folder, {}, {}};
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) paths.push_back(it->path().string());
  }
  if (error) throw IoError(std::string("[") + kOp + "] " + folder + ": " + error.message());
  std::sort(paths.begin(), paths.end());
  for (const std::string& p : paths) {
    sort_in(tree, fs::path(p).lexically_relative(folder).string(), {{}, p, {}, 0});
  }
  std::error_code ignored;
  if (fs::exists(folder + "/classes.txt", ignored)) tree.classes_txt = read_file(folder + "/classes.txt");
  return read_sorted(std::move(tree), options);
}

Dataset read_tree_tar(const std::string& path, const LoadOptions& options) {
  const Bytes archive = read_file(path);
  Tree tree{path, {}, {}};
  for (const TarMember& m : list_tar(archive, path)) {
    if (std::filesystem::path(m.name).filename() == "classes.txt")
      tree.classes_txt.assign(m.bytes.begin(), m.bytes.end());
    sort_in(tree, m.name, {{}, path + ": " + m.name, m.bytes, m.offset});
  }
  return read_sorted(std::move(tree), options);
}

Dataset read_tree(const std::string& path, const LoadOptions& options) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? read_tree_folder(path, options) : read_tree_tar(path, options);
}

}  // namespace tern::data

namespace tern {

Images read_image_file(const std::string& path, int channels, int height, int width) {
  if ((channels != 0 && channels != 1 && channels != 3 && channels != 4) || height < 0 || width < 0 ||
      (height == 0) != (width == 0) || height > 16384 || width > 16384) {
    throw ValueError("[read_image_file] expected 0, 1, 3 or 4 channels, and a height and width or neither; got " +
                     std::to_string(channels) + ", " + std::to_string(height) + ", " + std::to_string(width));
  }
  const data::Bytes file = data::read_file(path);
  const ImageShape header = data::image_header(file, path, 0);
  const int wanted = channels != 0 ? channels : header.channels >= 3 ? 3 : 1;
  data::DecodedImage image = data::decode_image(file, wanted, path, 0);
  const ImageShape to{wanted, height != 0 ? height : header.height, width != 0 ? width : header.width};
  Images out{to.channels, to.height, to.width, {}, {0}};
  if (to == image.shape) {
    out.pixels = std::move(image.pixels);
  } else {
    out.pixels.resize(to.numel());
    data::FitScratch scratch;
    data::fit_image(image.pixels, image.shape, to, out.pixels, scratch);
  }
  return out;
}

}  // namespace tern

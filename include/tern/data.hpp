// Data sets: from files to normalised, augmented batches. A data set here is plain buffers: bytes, labels, names; it
// knows nothing of tensors.
//
//   tern::LoadOptions where;                                     // where.search_path = tern::split_path_list(...)
//   const tern::Dataset set = tern::load_dataset("fashion-mnist", where);
//   tern::LoaderOptions how{.batch_size = 128, .shuffle = true, .augment = tern::Augment::parse("pad=2,flip")};
//   tern::BatchLoader loader(set.train, tern::Normalizer(set.mean, set.std), how);
//   loader.start_epoch(0);
//   for (tern::Batch b; loader.next(b);) { ... b.images, b.labels ... }
//
// Dimension letters: N images, C channels, H height, W width. Pixels are bytes, stored N x C x H x W.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/public.h"
#include "tern/spec.hpp"

namespace tern {

class Rng;

/// C x H x W of one image.
struct TERN_PUBLIC ImageShape {
  int channels = 0, height = 0, width = 0;
  std::size_t numel() const {
    return static_cast<std::size_t>(channels) * static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  }
  friend bool operator==(const ImageShape&, const ImageShape&) = default;
};

/// Where the pixels of images come from that are too many to keep. Thread-safe.
class TERN_PUBLIC ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// Writes the C x H x W bytes of image `i`. Errors: FormatError, IoError naming its file.
  virtual void read(std::int64_t i, std::span<std::uint8_t> out) const = 0;
  /// A number that tells the image from others as far as that shows without reading it.
  virtual std::uint64_t stamp(std::int64_t i) const = 0;
};

/// N images of one shape with their class indices.
struct TERN_PUBLIC Images {
  int channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;                ///< N x C x H x W; none if there is a source
  std::vector<std::int32_t> labels;                ///< N
  std::shared_ptr<const ImageSource> source = {};  ///< gives the pixels when they are asked for

  ImageShape shape() const { return {channels, height, width}; }
  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  /// Of images that are kept; `i` is in [0, count()). Errors: ValueError if they have a source.
  std::span<const std::uint8_t> image(std::int64_t i) const&;
  std::span<const std::uint8_t> image(std::int64_t i) const&& = delete;
  /// Wherever it comes from; the result lies in `scratch` or among the pixels. Errors: those of ImageSource::read().
  std::span<const std::uint8_t> image(std::int64_t i, std::vector<std::uint8_t>& scratch) const&;
  std::span<const std::uint8_t> image(std::int64_t i, std::vector<std::uint8_t>& scratch) const&& = delete;
};

/// Which training images become test images of a set that has none: a share of each class, chosen by a seed, one image
/// at least and all but one at most.
struct TERN_PUBLIC TestSplit {
  double share = 0.2;  ///< in [0, 1]; 0: none, 1: all of them
  std::uint64_t seed = 1;
  /// As options of load_dataset(): "split=0.2,seed=1".
  std::string text() const;
};

struct TERN_PUBLIC Dataset {
  std::string name;    ///< of the set that was loaded in the end (a fallback has its own name)
  std::string source;  ///< which files were read, and why, for "says which data it used"
  std::vector<std::string> class_names;
  Images train, test;
  std::vector<float> mean, std;  ///< per channel, of pixel / 255
  /// 16 hex digits that shapes, class names, labels and pixels decide; of images with a source their stamps.
  std::string fingerprint;
  std::vector<std::string> notes;  ///< lines worth telling: what was left out, where test images come from
  std::optional<TestSplit> split;  ///< by which load_dataset() took the test images from the training images, if it did
};

// ---- Loading ----

struct TERN_PUBLIC LoadOptions {
  std::string data_dir;                  ///< looked in first (--data-dir); may be the set's own folder, or hold it
  std::vector<std::string> search_path;  ///< folders that hold data sets, looked in next (TERN_DATA)
  std::string system_dir = "/usr/share/datasets";  ///< looked in next; empty: not
  std::string embedded_dir;  ///< looked in last; empty: the installed datasets/, then the source tree's
  /// Channels 1, 3 or 4: widen or narrow to that many. Height and width: resize, aspect kept, until both are covered,
  /// then centre crop. 0: as the files are.
  ImageShape shape = {};
  std::int64_t limit_train = 0, limit_test = 0;  ///< keep the first of each class, this many in all; 0: every image
  // Of trees of image files (folder:, tar:):
  TestSplit split = {};
  bool skip_bad = false;  ///< leave out files that cannot be read, with a note; false: they are an error
  /// Bytes of pixels to keep. With more, images have a source that decodes them when they are asked for and keeps the
  /// first so many. What is served does not depend on it.
  std::uint64_t memory = std::uint64_t{4} << 30;
};
/// What may stand behind the name of a data set: the options of it that a text can say.
TERN_PUBLIC const OptionTable& dataset_options();

/// Splits "a:b:c" at ':' and drops empty parts.
TERN_PUBLIC std::vector<std::string> split_path_list(std::string_view text);

/// Loads a data set. `name` is a name of datasets(), found by the search order of LoadOptions; or `<set>:<path>`, read
/// from exactly that path; behind either may stand options: "folder:photos,split=0.1,channels=1".
/// "folder:<dir>" and "tar:<file>" hold train/<class>/<image> and test/ or val/ likewise, or <class>/<image>; test
/// images that are missing are split off. Links are followed, hidden files passed over, files of other kinds counted in
/// the notes. An optional classes.txt has "<folder> <class name>" a line, in class order; default: folders by name.
/// Images in a tar keep its order, those of a folder are sorted by path. Channels: alpha is dropped or 255, grey is
/// Y = 0.299 R + 0.587 G + 0.114 B, or copied to R, G, B.
/// Errors: ValueError on an unknown name (lists the known ones) or option; IoError if the set is in none of the places
/// (lists them, and how to get it); FormatError with path, byte offset and field on a damaged file, or naming the class
/// folder without images.
TERN_PUBLIC Dataset load_dataset(std::string_view name, const LoadOptions& options = {});

/// One kind of data set: what the registry holds.
struct TERN_PUBLIC DatasetEntry {
  std::string name;        ///< as given to load_dataset; of a-z, 0-9 and '-', '_' stands for '-'
  std::string summary;     ///< one line for `tern data`
  std::string how_to_get;  ///< what to do if it is missing, one line
  std::string files = {};  ///< what its files may be called, one line; empty: not told
  /// File or folder names under which the set may stand inside a searched folder.
  std::vector<std::string> places;
  /// True if `path` (an existing place, or data_dir itself) holds the set.
  std::function<bool(const std::string& path)> present;
  /// Reads it. The caller applies channels, size and limits that the reader left to be done, fills in `name` and
  /// `source` if they are empty, and mean/std from the training images if they are empty.
  std::function<Dataset(const std::string& path, const LoadOptions& options)> load;
  bool tree = false;                          ///< image files one by one: takes the options bad= and memory=
  std::string fallback = {};                  ///< name of the set to load when this one is missing; empty: none
  std::vector<std::string> class_names = {};  ///< where they are known without reading the set; empty: its files tell
};

/// Adds a data set from outside the library. Errors: tern/registry.hpp; `load` is what may not be empty.
TERN_PUBLIC void register_dataset(DatasetEntry entry);
/// All known data sets, in the order of registration.
TERN_PUBLIC std::vector<DatasetEntry> datasets();
/// Where load_dataset(name, options) would read `name` from; empty if it is nowhere (a fallback does not count).
/// Errors: ValueError on an unknown name.
TERN_PUBLIC std::string find_dataset(std::string_view name, const LoadOptions& options = {});

/// Reads one JPEG (turned upright by its EXIF orientation), PNG, BMP, GIF (its first picture) or PNM file, and brings
/// it to `shape` as LoadOptions::shape says. The label is 0. Errors: IoError if unreadable; FormatError if damaged, cut
/// short, or over 256 Mi pixels.
TERN_PUBLIC Images read_image_file(const std::string& path, ImageShape shape = {});
/// The same of a file's bytes; `name`: for messages.
TERN_PUBLIC Images read_image(std::span<const std::uint8_t> file, const std::string& name, ImageShape shape = {});
struct TERN_PUBLIC FoundImages {
  std::vector<std::string> files;  ///< sorted
  std::vector<std::string> notes;  ///< what was left out, a line a reason
};
/// The image files, by their names, in a folder and below it; links are followed, hidden files passed over. Errors:
/// IoError if a folder cannot be read.
TERN_PUBLIC FoundImages find_image_files(const std::string& folder);

/// Images in another shape: channels as in load_dataset, size by shorter side and centre crop. Of images with a source
/// this and what follows have one as well.
TERN_PUBLIC Images convert_images(const Images& images, ImageShape to);
/// The images at `indices`, in that order. Errors: ValueError if one is out of range.
TERN_PUBLIC Images select_images(const Images& images, std::span<const std::int64_t> indices);
/// The same images with their pixels kept. Errors: those of ImageSource::read().
TERN_PUBLIC Images kept(Images images);

struct TERN_PUBLIC Split {
  Images train, validation;
};
/// Holds out round(fraction * n) images of each class with n images, chosen by `seed`; both parts keep the file order.
/// Errors: ValueError unless 0 <= fraction < 1.
TERN_PUBLIC Split split_train_validation(const Images& images, double fraction, std::uint64_t seed);

// ---- Normalisation ----

/// x = (float(p) / 255.0f - mean[c]) / std[c], exactly this float expression, by a table of 256 entries a channel.
class TERN_PUBLIC Normalizer {
 public:
  Normalizer() = default;
  /// Errors: ValueError if the sizes differ, a value is not finite, or a std is not positive.
  Normalizer(std::span<const float> mean, std::span<const float> std);
  int channels() const { return static_cast<int>(table_.size() / 256); }
  /// The 256 values of channel `c`.
  std::span<const float> table(int c) const& { return {table_.data() + 256 * static_cast<std::size_t>(c), 256}; }
  std::span<const float> table(int c) const&& = delete;
  /// Errors: ShapeError if the channels or the sizes do not fit.
  void apply(std::span<const std::uint8_t> image, ImageShape shape, std::span<float> out) const;

 private:
  std::vector<float> table_;
};

// ---- Augmentation ----

/// A chain of image transformations, written as text: steps joined by ','.
///   resize=S   shorter side to S (triangle filter, aspect kept)
///   pad=P      P black pixels on each side, then a random crop of the size before
///   crop=S     random S x S crop            center=S   centre S x S crop
///   flip       mirror left-right with probability 1/2
///   cutout=L   L x L hole around a random pixel, clipped at the edges; last step only
/// All but cutout act on bytes, before normalisation: padding is black (pixel 0), as in common practice, not the mean.
/// Cutout acts after it: the hole is 0, the mean colour (Paper: DeVries, Taylor, 2017).
/// The same Rng state gives the same image; the number of draws depends on the steps alone.
class TERN_PUBLIC Augment {
 public:
  struct Step {
    enum class Kind { kResize, kPad, kCrop, kCenter, kFlip, kCutout } kind;
    int value;
  };
  /// Reusable memory of apply(), one for each thread.
  struct Scratch {
    std::vector<std::uint8_t> a, b;
    std::vector<float> rows;
  };

  Augment() = default;
  /// "" and "none" are the empty chain. Errors: ValueError naming the bad step and the known ones.
  static Augment parse(std::string_view spec);
  std::string format() const;
  bool empty() const { return steps_.empty(); }
  const std::vector<Step>& steps() const& { return steps_; }
  std::vector<Step> steps() && { return std::move(steps_); }

  /// What evaluation does where training does this: `resize` and `center` stay, `crop` becomes `center`, the rest,
  /// which is chance, goes.
  Augment evaluation() const;

  /// Shape after all steps. Errors: ValueError if a crop is larger than the image.
  ImageShape output_shape(ImageShape in) const;
  /// Transforms one image without normalising it; the result lies in `scratch` or is `image` itself. `shape` becomes
  /// that of the result. A cutout does nothing here. Errors: as apply().
  std::span<const std::uint8_t> transform(std::span<const std::uint8_t> image, ImageShape& shape, Rng& rng,
                                          Scratch& scratch) const;
  /// Transforms and normalises one image. Errors: ShapeError if sizes do not fit; those of output_shape().
  void apply(std::span<const std::uint8_t> image, ImageShape in, const Normalizer& normalizer, Rng& rng,
             std::span<float> out, Scratch& scratch) const;

 private:
  std::vector<Step> steps_;
};

// The pieces of it, on one C x H x W image each; `out` does not overlap `in`.
/// out[c][y][x] = in[c][y + top - pad][x + left - pad], 0 outside; 0 <= top, left <= 2 * pad.
TERN_PUBLIC void pad_crop(std::span<const std::uint8_t> in, ImageShape shape, int pad, int top, int left,
                          std::span<std::uint8_t> out);
/// out[c][y][x] = in[c][y + top][x + left] for a height x width window inside the image.
TERN_PUBLIC void crop(std::span<const std::uint8_t> in, ImageShape shape, int top, int left, int height, int width,
                      std::span<std::uint8_t> out);
TERN_PUBLIC void flip_horizontal(std::span<std::uint8_t> image, ImageShape shape);
/// Zeroes rows [y - L/2, y - L/2 + L) and columns likewise, clipped at the edges.
TERN_PUBLIC void cutout(std::span<float> image, ImageShape shape, int length, int y, int x);
/// Resizes to exactly height x width with a triangle filter (widened when shrinking, so without aliasing).
TERN_PUBLIC void resize(std::span<const std::uint8_t> in, ImageShape shape, int height, int width,
                        std::span<std::uint8_t> out);
/// Extents after resizing the shorter side to `side`, the longer rounded to nearest.
TERN_PUBLIC ImageShape shorter_side_shape(ImageShape shape, int side);

// ---- What a network knows of its data ----

/// What evaluation, packing and whoever gets the network need to know of the data that it was trained on. Travels as
/// text in the metadata of checkpoints and packed files.
struct TERN_PUBLIC DataRecord {
  std::string name;                      ///< of the set
  std::string fingerprint;               ///< Dataset::fingerprint
  std::vector<std::string> class_names;  ///< by output of the network; empty: not known
  ImageShape images;                     ///< of the training images before augmentation; all 0: not known
  std::optional<TestSplit> split;        ///< Dataset::split
  Augment view;                          ///< Augment::evaluation() of the augmentation

  static DataRecord of(const Dataset& set, const Augment& augment);
  /// Keys "data", "data.fingerprint", "data.images" (CxHxW), "data.split", "data.view", "class.0", "class.1", ...
  std::map<std::string, std::string> text() const;
  /// The record among the texts of a file; what they do not say stays empty.
  /// Errors: FormatError naming `path` and the key of a malformed text.
  static DataRecord parse(const std::map<std::string, std::string>& texts, const std::string& path);

  /// Images as evaluation sees them: brought to the shape of the training images, then through the view.
  /// Errors: those of convert_images() and Augment::output_shape().
  Images seen(Images images) const;
};

/// Labels of a data set as outputs of a network: equal names mean the same class, whatever their order and number.
struct TERN_PUBLIC ClassMatch {
  std::vector<std::int32_t> outputs;  ///< by class of the data set
  std::string note;                   ///< one line if names moved or are not known; else empty
};
/// `network` are the names of the network's outputs; with none of them known, classes go by position.
/// Errors: ValueError naming the classes among `used` that the network does not have, or whose name stands twice; with
/// unknown names, if the data set has more or fewer classes than `outputs`; if there are more names than outputs.
TERN_PUBLIC ClassMatch match_classes(const std::vector<std::string>& classes, std::span<const std::int32_t> used,
                                     const std::vector<std::string>& network, std::int64_t outputs);

// ---- Batches ----

/// One batch: views into memory of the loader, aligned to 64 bytes, valid until its next call of next(), start_epoch()
/// or its end.
struct TERN_PUBLIC Batch {
  std::span<const float> images;          ///< N x C x H x W
  std::span<const std::int64_t> labels;   ///< N
  std::span<const std::int64_t> indices;  ///< N, positions in Images
  ImageShape shape;                       ///< of one image
  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

struct TERN_PUBLIC LoaderOptions {
  int batch_size = 128;    ///< images
  bool shuffle = false;    ///< a new order each epoch; else file order
  Augment augment = {};    ///< applied to each image
  std::uint64_t seed = 1;  ///< of order and augmentation
  int workers = 1;         ///< threads that prepare batches; 0: next() prepares its batch itself
  int prefetch = 4;        ///< batches prepared ahead at most, >= 1
  bool drop_last = false;  ///< leave out an incomplete last batch
  /// A further step on each normalised image, run on the workers; may throw, and next() then does.
  std::function<void(std::span<float> image, ImageShape shape, Rng& rng)> transform = {};
};

/// Serves the images of one epoch after the other in batches. What it serves is a pure function of (images, options,
/// epoch): order comes from Rng(seed, epoch), the augmentation of an image from (seed, epoch, index), so neither the
/// number of workers nor the place where a run resumes changes a bit. No allocation after the first epoch's start.
/// Not thread-safe; may be destroyed at any time. `images` must outlive it.
class TERN_PUBLIC BatchLoader {
 public:
  /// Errors: ValueError on an option out of range or no images; ShapeError if the pixels do not fit the labels, or the
  /// normaliser the channels.
  BatchLoader(const Images& images, Normalizer normalizer, LoaderOptions options = {});
  ~BatchLoader();
  BatchLoader(BatchLoader&&) noexcept;
  BatchLoader& operator=(BatchLoader&&) noexcept;

  /// Begins `epoch` (0 <= epoch < 2^24) at its first batch. The constructor has begun epoch 0.
  void start_epoch(std::int64_t epoch);
  /// Leaves out the next `batches` batches, without preparing them.
  void skip(std::int64_t batches);
  /// Fills `batch` and returns true, or returns false at the end of the epoch.
  /// Errors: whatever the transform threw for this batch; later calls go on with the next one.
  bool next(Batch& batch);

  std::int64_t batches_per_epoch() const;
  std::int64_t epoch() const;
  /// Number of batches of this epoch served or skipped so far.
  std::int64_t position() const;
  /// Shape of one image as served.
  ImageShape shape() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- Looking at data ----

struct TERN_PUBLIC ImagesSummary {
  std::int64_t count = 0;
  std::vector<std::int64_t> per_class;
  std::vector<double> mean, std;  ///< per channel, of pixel / 255; std over all pixels (population)
};
TERN_PUBLIC ImagesSummary summarize(const Images& images, std::int64_t classes);

/// Several lines of text: name, source, shapes, counts per class, mean and std.
TERN_PUBLIC std::string describe(const Dataset& set);

struct TERN_PUBLIC SheetOptions {
  int rows = 10, cols = 20;
  bool shuffle = true;  ///< images drawn by `seed`; false: the first ones
  std::uint64_t seed = 1;
};
/// Writes a PNG with a grid of images, 2 white pixels between them; below each the name of its class, for which small
/// images are enlarged, unless `class_names` is empty. Under a temporary name first, so that `path` is whole or
/// untouched. Errors: ValueError if rows or cols is not positive or the sheet would be over 16384 pixels a side;
/// IoError if it cannot be written.
TERN_PUBLIC void contact_sheet(const Images& images, const std::vector<std::string>& class_names,
                               const SheetOptions& options, const std::string& path);

}  // namespace tern

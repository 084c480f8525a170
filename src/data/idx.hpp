// IDX, the format of MNIST: big-endian magic 00 00 08 rank, one u32 an extent, then the bytes. Plain or gzipped.
#pragma once

#include "files/bytes.hpp"
#include "tern/data.hpp"

namespace tern::data {

struct Idx {
  std::vector<std::uint32_t> extents;
  Bytes bytes;  ///< exactly their product
};

/// Reads an IDX file of unsigned bytes with `rank` extents. Errors: IoError, FormatError.
Idx read_idx(const std::string& path, int rank);

/// What the files of a folder of IDX may be called.
inline constexpr const char* kIdxFiles =
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, or "
    "train-images.idx3-ubyte and so on, each with or without .gz, in the folder or in raw/ below it";

/// Grey images and labels of one split: <stem>-images-idx3-ubyte and <stem>-labels-idx1-ubyte in `folder`, or as
/// kIdxFiles says. Errors: also FormatError if the counts differ or a label is not below `classes`.
Images read_idx_images(const std::string& folder, const std::string& stem, int classes);

/// A folder in the layout of MNIST: train-*, t10k-*.
Dataset read_idx_folder(const std::string& folder, std::vector<std::string> class_names);
bool is_idx_folder(const std::string& folder);

}  // namespace tern::data

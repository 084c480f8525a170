// The binary files of CIFAR-10, CIFAR-100 and STL-10: fixed-size records without a header.
#pragma once

#include <string>
#include <vector>

#include "files/bytes.hpp"
#include "tern/data.hpp"

namespace tern::data {

/// CIFAR: `label_bytes` labels, of which the last counts, then 3 x 32 x 32 pixels, per record; appended to `images`.
/// The number of records is that of the file's size. Errors: IoError; FormatError if the size is no whole number of
/// records or a label is not below `classes`.
void append_cifar(const std::string& path, int label_bytes, int classes, Images& images);

/// STL-10: images of 3 x 96 x 96, each channel column by column, and labels 1 to 10 in a file of their own.
Images read_stl(const std::string& image_path, const std::string& label_path);

/// Names in a text file, one a line, if it is there and has exactly as many as `fallback`; else `fallback`.
std::vector<std::string> class_names_or(const std::string& path, std::vector<std::string> fallback);

/// True if `folder`/`file` exists.
bool has_file(const std::string& folder, const char* file);

}  // namespace tern::data

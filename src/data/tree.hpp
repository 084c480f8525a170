// Images in folders by class, train/<class>/<image>, either on disk or in a tar.
#pragma once

#include <string>

#include "tern/data.hpp"

namespace tern::data {

/// Reads both splits; size, channels and limits of `options` are applied here, before and while decoding.
/// Errors: as load_dataset; FormatError also if the sizes differ and options.size is 0.
Dataset read_tree_folder(const std::string& folder, const LoadOptions& options);
Dataset read_tree_tar(const std::string& path, const LoadOptions& options);
/// By what it is: a folder or a file.
Dataset read_tree(const std::string& path, const LoadOptions& options);

}  // namespace tern::data

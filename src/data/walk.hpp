// What is in a folder and below it.
#pragma once

#include <string>
#include <vector>

namespace tern::data {

/// Names relative to the folder, parts joined by '/', each list in ascending order. Hidden files and folders, which are
/// notes of operating systems (._x.jpg) and of programs, are passed over.
struct FolderContent {
  std::vector<std::string> files, folders;
  std::vector<std::string> dead_links;  ///< lead nowhere
};

/// Follows symbolic links, but none into a folder that it is in already. Errors: IoError if a folder cannot be read.
FolderContent walk_folder(const std::string& path);
/// That they are left out.
std::string dead_links_note(const FolderContent& content);

/// The part of `name` behind its last '.' in lower case; "" without one.
std::string extension_of(std::string_view name);
/// By its extension, a file that decode_image() reads.
bool is_image_name(std::string_view name);

}  // namespace tern::data

// Which image of a tree belongs to which class, and whether it is for training or for testing: by names alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "files/bytes.hpp"
#include "tern/data.hpp"

namespace tern::data {

/// One file of a tree: on disk (no bytes yet), or a member of a tar.
struct TreeFile {
  std::string name;  ///< relative to the tree, parts joined by '/'
  std::string path;  ///< for messages; on disk also where to read it
  ByteView bytes{};
  std::uint64_t offset = 0;  ///< of the bytes in the tar
  std::string folder{};      ///< of its class
};

/// How many files of each extension.
using Kinds = std::map<std::string, std::int64_t>;
/// "12 .webp, 3 without extension".
std::string kinds_text(const Kinds& kinds);
/// That such files are left out.
std::string unread_note(const Kinds& kinds);

struct Layout {
  std::vector<TreeFile> train, test;
  std::map<std::string, Kinds> train_folders;  ///< every folder of a class, with what in it is no image
  std::vector<std::string> notes;
};

/// The images of a tree. Either [anything/]<split>/<class>/[anything/]<image>, where a split is called train or
/// training; test, testing, or, if there are no such, val, valid or validation, in any case of letters; or, if no image
/// lies so, [one folder/]<class>/[anything/]<image>, and all are for training. `folders`: those that may be empty.
Layout lay_out(std::vector<TreeFile> files, const std::vector<std::string>& folders);

/// Moves images from training to test. Who is chosen depends on names and seed, not on what other images there are.
void split_off_test(Layout& layout, const TestSplit& split);

}  // namespace tern::data

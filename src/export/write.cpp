// Files of an export onto the disk.
#include "files/write.hpp"

#include <filesystem>

#include "tern/error.hpp"
#include "tern/export.hpp"

namespace tern {

void write_files(const std::map<std::string, std::string>& files, const std::string& folder) {
  namespace fs = std::filesystem;
  const auto write = [&](const std::string& path, const std::string& text) {
    const fs::path to = fs::path(folder) / path;
    std::error_code ec;
    fs::create_directories(to.parent_path(), ec);
    if (ec) throw IoError("\"" + to.parent_path().string() + "\": cannot make the folder: " + ec.message());
    write_file_atomically(to.string(), text);
  };
  constexpr const char* kLast = "manifest.json";
  for (const auto& [path, text] : files) {
    if (path != kLast) write(path, text);
  }
  if (const auto it = files.find(kLast); it != files.end()) write(it->first, it->second);
}

}  // namespace tern

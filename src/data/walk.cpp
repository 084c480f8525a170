#include "data/walk.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/printable.hpp"
#include "tern/error.hpp"

namespace tern::data {
namespace {

namespace fs = std::filesystem;

class Walk {
 public:
  explicit Walk(const std::string& root) : root_(root) {}

  FolderContent run() {
    enter("");
    for (auto* list : {&content_.files, &content_.folders, &content_.dead_links}) std::sort(list->begin(), list->end());
    return std::move(content_);
  }

 private:
  void enter(const std::string& relative) {
    std::error_code error;
    const fs::path here = fs::path(root_) / relative;
    fs::path place = fs::canonical(here, error);
    if (std::find(inside_.begin(), inside_.end(), place) != inside_.end()) return;  // a link to where we came from
    inside_.push_back(std::move(place));
    for (fs::directory_iterator it(here, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (!name.starts_with('.')) sort_in(*it, relative.empty() ? name : relative + "/" + name);
    }
    if (error) throw IoError("[read_folder] " + printable(here.string(), kMaxPathShown) + ": " + error.message());
    inside_.pop_back();
  }

  void sort_in(const fs::directory_entry& entry, const std::string& relative) {
    std::error_code ignored;
    const fs::file_status status = entry.status(ignored);
    if (fs::is_directory(status)) {
      content_.folders.push_back(relative);
      enter(relative);
    } else if (fs::is_regular_file(status)) {
      content_.files.push_back(relative);
    } else if (!fs::exists(status)) {
      content_.dead_links.push_back(relative);
    }
  }

  const std::string& root_;
  FolderContent content_;
  std::vector<fs::path> inside_;  // the folders that we are in
};

}  // namespace

FolderContent walk_folder(const std::string& path) { return Walk(path).run(); }

std::string dead_links_note(const FolderContent& content) {
  const std::size_t links = content.dead_links.size();
  return "left out, because they lead nowhere: " + std::to_string(links) + (links == 1 ? " link, " : " links, ") +
         printable(content.dead_links[0], kMaxPathShown) + (links == 1 ? "" : " first");
}

std::string extension_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  std::string extension(dot == std::string_view::npos ? "" : name.substr(dot + 1));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return extension;
}

bool is_image_name(std::string_view name) {
  constexpr std::array kKnown{"jpg", "jpeg", "jpe", "jfif", "png", "bmp", "gif", "pbm", "pgm", "ppm", "pnm"};
  return std::find(kKnown.begin(), kKnown.end(), extension_of(name)) != kKnown.end();
}

}  // namespace tern::data

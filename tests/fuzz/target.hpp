// What a fuzz target is: something that takes any bytes, and may throw nothing but tern::Error.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "files/bytes.hpp"

namespace tern::fuzz {

struct Target {
  std::function<void(ByteView)> run;
  std::vector<Bytes> seeds;
  std::function<void(Bytes&)> repair{};  ///< puts checksums right, which no mutation would guess
};

// TERN_FUZZ(name, "what it reads"): Target name() in targets/name.cpp.
#define TERN_FUZZ(name, what) Target name();
#include "targets.def"
#undef TERN_FUZZ

inline Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
inline std::string text_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }
inline std::vector<Bytes> texts(const std::vector<std::string>& all) {
  std::vector<Bytes> out;
  for (const std::string& text : all) out.push_back(bytes_of(text));
  return out;
}

/// A folder of the process for readers that want a path; gone with it.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("tern-fuzz-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, ByteView bytes) const {
    std::ofstream out(path_ / name, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return *this / name;
  }
  Bytes read(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path path_;
};
inline const Folder& folder() {
  static const Folder one;
  return one;
}

}  // namespace tern::fuzz

// Images of a tree that are decoded when they are asked for.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "data/layout.hpp"
#include "tern/data.hpp"

namespace tern::data {

/// The bytes of a file, from wherever. `storage` holds them if they had to be read. Errors: IoError, FormatError.
ByteView file_bytes(const TreeFile& file, Bytes& storage);

/// The image in that shape, written to `out`. Errors: IoError, FormatError.
void decode_file(const TreeFile& file, ImageShape to, std::span<std::uint8_t> out);

/// Bytes that several sources may keep in all.
using Budget = std::atomic<std::int64_t>;

class TreeSource final : public ImageSource {
 public:
  /// `archive`: what the files' bytes lie in, if they are members of one. The first images that are asked for are kept,
  /// as long as `budget` lasts.
  TreeSource(std::vector<TreeFile> files, ImageShape shape, std::shared_ptr<const Bytes> archive,
             std::shared_ptr<Budget> budget)
      : files_(std::move(files)),
        shape_(shape),
        archive_(std::move(archive)),
        budget_(std::move(budget)),
        kept_(files_.size()) {}

  void read(std::int64_t i, std::span<std::uint8_t> out) const override;
  /// Of name and size.
  std::uint64_t stamp(std::int64_t i) const override;

 private:
  std::vector<TreeFile> files_;
  ImageShape shape_;
  std::shared_ptr<const Bytes> archive_;
  std::shared_ptr<Budget> budget_;
  mutable std::mutex mutex_;
  mutable std::vector<Bytes> kept_;  // by image; what is there stays as it is
};

}  // namespace tern::data

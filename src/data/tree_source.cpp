#include "data/tree_source.hpp"

#include <algorithm>
#include <filesystem>

#include "data/decode.hpp"
#include "data/fingerprint.hpp"
#include "data/resample.hpp"
#include "files/read.hpp"

namespace tern::data {

ByteView file_bytes(const TreeFile& file, Bytes& storage) {
  if (file.bytes.data() != nullptr) return file.bytes;
  storage = read_regular_file<std::uint8_t>(file.path);
  return storage;
}

void decode_file(const TreeFile& file, ImageShape to, std::span<std::uint8_t> out) {
  Bytes storage;
  const DecodedImage image = decode_image(file_bytes(file, storage), to.channels, file.path, file.offset);
  FitScratch scratch;
  fit_image(image.pixels, image.shape, to, out, scratch);
}

void TreeSource::read(std::int64_t i, std::span<std::uint8_t> out) const {
  const auto index = static_cast<std::size_t>(i);
  const auto size = static_cast<std::int64_t>(shape_.numel());
  {
    std::unique_lock lock(mutex_);
    if (const Bytes& kept = kept_[index]; !kept.empty()) {
      lock.unlock();
      std::copy(kept.begin(), kept.end(), out.begin());
      return;
    }
  }
  decode_file(files_[index], shape_, out);
  if (budget_->fetch_sub(size) < size) {
    budget_->fetch_add(size);
    return;
  }
  Bytes copy(out.begin(), out.end());
  const std::lock_guard lock(mutex_);
  if (kept_[index].empty())
    kept_[index] = std::move(copy);
  else
    budget_->fetch_add(size);  // another thread was sooner
}

std::uint64_t TreeSource::stamp(std::int64_t i) const {
  const TreeFile& file = files_[static_cast<std::size_t>(i)];
  std::error_code ignored;
  const std::uint64_t size =
      file.bytes.data() != nullptr ? file.bytes.size() : std::filesystem::file_size(file.path, ignored);
  Hash hash;
  hash.text(file.name);
  hash.word(size);
  return hash.value();
}

}  // namespace tern::data

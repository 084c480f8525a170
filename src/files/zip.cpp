// Zip, as APPNOTE 6.3 describes it, without zip64, encryption and archives in parts.
#include "files/zip.hpp"

#include <algorithm>
#include <set>
#include <span>

#include "core/printable.hpp"
#include "files/crc32.hpp"
#include "files/gzip.hpp"

namespace tern {
namespace {

constexpr std::uint32_t kEnd = 0x06054b50, kEntry = 0x02014b50, kLocal = 0x04034b50;
constexpr std::size_t kEndBytes = 22, kEntryBytes = 46, kLocalBytes = 30;

[[noreturn]] void fail(const std::string& path, std::uint64_t offset, const std::string& field,
                       const std::string& why) {
  bad_format("zip", path, offset, field, why);
}

class Directory {
 public:
  Directory(ByteView bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  std::vector<ZipMember> read() {
    const std::size_t end = find_end();
    const std::uint64_t count = u16(end + 10), size = u32(end + 12), begin = u32(end + 16);
    if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != count)
      fail(path_, end, "disk", "archives in parts are not supported");
    if (count == 0xffff || size == 0xffffffff || begin == 0xffffffff)
      fail(path_, end, "directory", "zip64 is not supported");
    if (begin > end || size != end - begin)
      fail(path_, end, "directory", "it does not lie right before the end record");
    std::size_t at = begin;
    for (std::uint64_t i = 0; i < count; ++i) at = read_entry(at, end);
    if (at != end) fail(path_, at, "directory", "it continues after the last member");
    check_overlap();
    return std::move(members_);
  }

 private:
  std::uint32_t u16(std::size_t at) const { return bytes_[at] | static_cast<std::uint32_t>(bytes_[at + 1]) << 8; }
  std::uint32_t u32(std::size_t at) const { return u16(at) | u16(at + 2) << 16; }

  // The end record stands at the end, before a comment of its own length.
  std::size_t find_end() const {
    if (bytes_.size() < kEndBytes) fail(path_, 0, "end record", "the file is too short for an archive");
    for (std::size_t comment = 0; comment <= 0xffff && comment + kEndBytes <= bytes_.size(); ++comment) {
      const std::size_t at = bytes_.size() - kEndBytes - comment;
      if (u32(at) == kEnd && u16(at + 20) == comment) return at;
    }
    fail(path_, 0, "end record", "there is none: not a zip archive, or cut off");
  }

  std::size_t read_entry(std::size_t at, std::size_t end) {
    if (end - at < kEntryBytes || u32(at) != kEntry) fail(path_, at, "directory", "expected a member's entry");
    ZipMember m;
    const std::uint32_t flags = u16(at + 8), method = u16(at + 10);
    m.crc = u32(at + 16);
    m.packed = u32(at + 20);
    m.size = u32(at + 24);
    const std::size_t name = u16(at + 28), rest = u16(at + 30) + u16(at + 32), local = u32(at + 42);
    if (end - at - kEntryBytes < name + rest) fail(path_, at, "directory", "a member's entry ends outside");
    m.name.assign(reinterpret_cast<const char*>(bytes_.data()) + at + kEntryBytes, name);
    const std::string field = "member \"" + printable(m.name) + "\"";
    if (flags & 1) fail(path_, at, field, "it is encrypted");
    if (method != 0 && method != 8)
      fail(path_, at, field, "compression " + std::to_string(method) + " is not supported");
    if (m.packed == 0xffffffff || m.size == 0xffffffff || local == 0xffffffff)
      fail(path_, at, field, "zip64 is not supported");
    m.deflated = method == 8;
    if (!m.deflated && m.packed != m.size) fail(path_, at, field, "stored with two different sizes");
    if (local > begin_of_directory(end) || begin_of_directory(end) - local < kLocalBytes || u32(local) != kLocal) {
      fail(path_, local, field, "its local header is not there");
    }
    m.offset = local + kLocalBytes + u16(local + 26) + u16(local + 28);
    if (m.offset > begin_of_directory(end) || m.packed > begin_of_directory(end) - m.offset) {
      fail(path_, local, field, "its " + std::to_string(m.packed) + " bytes lie outside the file");
    }
    if (!names_.insert(m.name).second) fail(path_, at, field, "the name appears twice");
    total_ += m.size;
    const std::uint64_t most = most_unpacked(bytes_.size());
    if (total_ > most) {
      fail(path_, at, field,
           "the archive claims to unpack to more than " + std::to_string(most) + " bytes, 100 times its size");
    }
    extents_.emplace_back(local, m.offset + m.packed);
    members_.push_back(std::move(m));
    return at + kEntryBytes + name + rest;
  }

  std::size_t begin_of_directory(std::size_t end) const { return u32(end + 16); }

  void check_overlap() {
    std::sort(extents_.begin(), extents_.end());
    for (std::size_t i = 1; i < extents_.size(); ++i) {
      if (extents_[i].first < extents_[i - 1].second) fail(path_, extents_[i].first, "members", "two of them overlap");
    }
  }

  ByteView bytes_;
  const std::string& path_;
  std::vector<ZipMember> members_;
  std::set<std::string> names_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> extents_;
  std::uint64_t total_ = 0;
};

}  // namespace

std::vector<ZipMember> zip_members(ByteView bytes, const std::string& path) { return Directory(bytes, path).read(); }

Bytes zip_content(ByteView bytes, const ZipMember& m, const std::string& path) {
  const ByteView packed = bytes.subspan(m.offset, m.packed);
  Bytes out = m.deflated ? inflate_exact(packed, m.size, path + " (" + printable(m.name) + ")")
                         : Bytes(packed.begin(), packed.end());
  if (crc32(std::as_bytes(std::span(out))) != m.crc) {
    fail(path, m.offset, "member \"" + printable(m.name) + "\"", "its checksum is wrong");
  }
  return out;
}

}  // namespace tern

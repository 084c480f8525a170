// Tar reader: 512-byte headers, each checked by its checksum before a field of it is believed.
#include "files/tar.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/printable.hpp"

namespace tern {
namespace {

constexpr const char* kTarReader = "read_tar";
constexpr std::size_t kBlock = 512;
constexpr std::size_t kMaxNameBytes = 4096;  // no system opens a longer path

class TarReader {
 public:
  TarReader(ByteView archive, const std::string& path) : bytes_(archive), path_(path) {}

  std::vector<TarMember> list() {
    refuse_compressed();
    std::vector<TarMember> members;
    while (true) {
      if (bytes_.size() - at_ < kBlock) {
        fail(0, "header", "expected 512 bytes or the end-of-archive mark; got the end of the file (truncated?)");
      }
      const ByteView header = bytes_.subspan(at_, kBlock);
      if (std::all_of(header.begin(), header.end(), [](std::uint8_t b) { return b == 0; })) break;
      check_header(header);
      const std::uint64_t size = octal(header, 124, 12, "size");
      const std::uint64_t data_at = at_ + kBlock;
      if (size > bytes_.size() - data_at) {
        fail(124, "size",
             "expected at most the " + std::to_string(bytes_.size() - data_at) + " bytes that are left; got " +
                 std::to_string(size));
      }
      const ByteView data = bytes_.subspan(static_cast<std::size_t>(data_at), static_cast<std::size_t>(size));
      take(header, data, members);
      const std::uint64_t padded = (size + kBlock - 1) / kBlock * kBlock;
      if (padded > bytes_.size() - data_at) {
        fail(124, "padding", "expected the member padded to 512 bytes; got the end of the file (truncated?)");
      }
      at_ = static_cast<std::size_t>(data_at + padded);
    }
    return members;
  }

 private:
  [[noreturn]] void fail(std::size_t within, const char* field, const std::string& detail) const {
    bad_format(kTarReader, path_, at_ + within, field, detail);
  }

  void refuse_compressed() const {
    const auto begins = [&](std::string_view magic) {
      return bytes_.size() >= magic.size() &&
             std::equal(magic.begin(), magic.end(), bytes_.begin(),
                        [](char a, auto b) { return static_cast<std::uint8_t>(a) == b; });
    };
    const char* tool = begins("\x1f\x8b") ? "gzip -d"
                       : begins(
                             "\xfd"
                             "7zXZ")
                           ? "xz -d"
                       : begins("BZh")              ? "bzip2 -d"
                       : begins("\x28\xb5\x2f\xfd") ? "zstd -d"
                                                    : nullptr;
    if (tool != nullptr) {
      bad_format(kTarReader, path_, 0, "magic",
                 std::string("expected an uncompressed tar; got a compressed file: unpack it "
                             "first with `") +
                     tool + "`");
    }
  }

  void check_header(ByteView h) const {
    if (std::string_view(reinterpret_cast<const char*>(h.data()) + 257, 5) != "ustar") {
      fail(257, "magic", "expected \"ustar\"; this is no tar archive, or a damaged one");
    }
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) sum += (i >= 148 && i < 156) ? std::uint64_t{' '} : h[i];
    if (const std::uint64_t stored = octal(h, 148, 8, "checksum"); stored != sum) {
      fail(148, "checksum", "expected " + std::to_string(sum) + "; got " + std::to_string(stored));
    }
  }

  /// Octal digits, with spaces before and a space or NUL after them.
  std::uint64_t octal(ByteView h, std::size_t begin, std::size_t width, const char* field) const {
    std::uint64_t value = 0;
    std::size_t i = begin;
    const std::size_t end = begin + width;
    while (i < end && h[i] == ' ') ++i;
    for (; i < end && h[i] != ' ' && h[i] != 0; ++i) {
      if (h[i] < '0' || h[i] > '7') fail(i, field, "expected octal digits; got byte " + std::to_string(h[i]));
      value = value * 8 + (h[i] - std::uint64_t{'0'});
    }
    return value;
  }

  static std::string text(ByteView h, std::size_t begin, std::size_t width) {
    const std::string_view field(reinterpret_cast<const char*>(h.data()) + begin, width);
    return std::string(field.substr(0, field.find('\0')));
  }

  void take(ByteView header, ByteView data, std::vector<TarMember>& members) {
    const char type = static_cast<char>(header[156]);
    switch (type) {
      case 'L':
        take_long_name(text(data, 0, std::min(data.size(), kMaxNameBytes + 2)));  // a NUL ends it
        return;
      case 'x':
        read_pax(data);
        return;
      case 'g':  // global pax header: comments
      case 'K':  // GNU long link target: the link itself is refused below
        return;
      case '5':
        long_name_.clear();
        return;
      case '0':
      case '\0': {
        std::string name = text(header, 0, 100);
        if (const std::string prefix = text(header, 345, 155); !prefix.empty() && header[263] == '0') {
          name = prefix + "/" + name;
        }
        if (!long_name_.empty()) name = std::move(long_name_);
        long_name_.clear();
        members.push_back({std::move(name), data, at_ + kBlock});
        return;
      }
      default:
        fail(156, "type",
             "expected regular files and folders; got type '" + printable(std::string(1, type)) + "' for " +
                 printable(text(header, 0, 100)));
    }
  }

  void take_long_name(std::string_view name) {
    if (name.size() > kMaxNameBytes) {
      fail(kBlock, "name", "expected at most " + std::to_string(kMaxNameBytes) + " bytes; got more");
    }
    long_name_ = name;
  }

  /// Records "<length> <key>=<value>\n", the length in decimal and counting all of it.
  void read_pax(ByteView data) {
    std::string_view rest(reinterpret_cast<const char*>(data.data()), data.size());
    while (!rest.empty()) {
      std::size_t length = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
      const auto digits = static_cast<std::size_t>(end - rest.data());
      if (error != std::errc() || length <= digits + 1 || length > rest.size() || rest[digits] != ' ') {
        fail(kBlock, "pax record", "expected \"<length> <key>=<value>\"");
      }
      const std::string_view record = rest.substr(digits + 1, length - digits - 2);
      if (record.starts_with("path=")) take_long_name(record.substr(5));
      if (record.starts_with("size=")) fail(kBlock, "pax record", "expected members under 8 GiB; got a size record");
      rest.remove_prefix(length);
    }
  }

  ByteView bytes_;
  const std::string& path_;
  std::size_t at_ = 0;
  std::string long_name_;
};

}  // namespace

std::vector<TarMember> list_tar(ByteView archive, const std::string& path) { return TarReader(archive, path).list(); }

}  // namespace tern

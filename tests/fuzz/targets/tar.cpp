#include "files/tar.hpp"

#include "../target.hpp"

namespace tern::fuzz {
namespace {

std::uint64_t octal(ByteView field) {
  std::uint64_t v = 0;
  for (const std::uint8_t b : field) {
    if (b >= '0' && b <= '7') v = v << 3 | (b - std::uint64_t{'0'});
  }
  return v;
}

// The checksum of each header that the sizes before it lead to.
void repair_tar(Bytes& archive) {
  for (std::size_t at = 0; archive.size() - at >= 512;) {
    const auto field = [&](std::size_t begin) { return archive.begin() + static_cast<std::ptrdiff_t>(at + begin); };
    std::fill(field(148), field(156), std::uint8_t{' '});
    unsigned sum = 0;
    for (auto it = field(0); it != field(512); ++it) sum += *it;
    for (std::size_t digit = 6; digit-- > 0; sum >>= 3) *field(148 + digit) = static_cast<std::uint8_t>('0' + sum % 8);
    const std::uint64_t size = octal(ByteView(archive).subspan(at + 124, 12));
    const std::uint64_t next = 512 + (size + 511) / 512 * 512;
    if (next > archive.size() - at) return;
    at += static_cast<std::size_t>(next);
    if (archive.size() - at >= 512 && archive[at] == 0) return;  // the mark of the end
  }
}

Bytes member(const std::string& name, char type, const std::string& content) {
  Bytes out(512 + (content.size() + 511) / 512 * 512);
  const auto put = [&](std::size_t at, const std::string& text) {
    std::copy(text.begin(), text.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  };
  std::string size(12, '0');
  std::size_t rest = content.size();
  for (std::size_t i = 11; i-- > 0; rest >>= 3) size[i] = static_cast<char>('0' + rest % 8);
  size[11] = '\0';
  put(0, name);
  put(124, size);
  put(156, std::string(1, type));
  put(257, std::string("ustar\00000", 8));
  put(512, content);
  return out;
}

}  // namespace

Target tar() {
  Bytes archive;
  for (const Bytes& m : {member("a/b.jpg", '0', "one"), member("././@LongLink", 'L', std::string(150, 'n')),
                         member("n", '0', ""), member("p", 'x', "16 path=a/b.jpg\n"), member("c", '0', "two")}) {
    archive.insert(archive.end(), m.begin(), m.end());
  }
  archive.resize(archive.size() + 1024);
  repair_tar(archive);
  return {[](ByteView bytes) { (void)list_tar(bytes, "fuzz"); }, {archive}, repair_tar};
}

}  // namespace tern::fuzz

#include "archives.hpp"
#include "catch.hpp"
#include "files/zip.hpp"
#include "requested_bytes.hpp"
#include "tern/error.hpp"
#include "tern/tensor.hpp"

namespace testing = tern::testing;
using testing::member;
using testing::Member;
using testing::requested_bytes;
using testing::zip;

namespace {

const testing::Bytes kOne = {std::byte{1}, std::byte{2}, std::byte{3}};

std::vector<tern::Bytes> contents(const testing::Bytes& archive) {
  const tern::ByteView view(reinterpret_cast<const std::uint8_t*>(archive.data()), archive.size());
  std::vector<tern::Bytes> out;
  for (const tern::ZipMember& m : tern::zip_members(view, "lie")) out.push_back(tern::zip_content(view, m, "lie"));
  return out;
}

}  // namespace

TEST_CASE("zip: stored and deflated members, in the order of the directory", "[files]") {
  const auto all = contents(zip({member("b", kOne), member("a", testing::Bytes(1000), true)}, "a comment"));
  REQUIRE(all.size() == 2);
  CHECK(all[0] == tern::Bytes{1, 2, 3});
  CHECK(all[1] == tern::Bytes(1000));
  CHECK(contents(zip({})).empty());
}

TEST_CASE("zip: archives that lie", "[files]") {
  const auto fails = [](const testing::Bytes& bytes, const char* reason) {
    INFO(reason);
    tern::trim_memory_pool();
    const std::uint64_t before = requested_bytes();
    CHECK_THROWS_AS(contents(bytes), tern::FormatError);
    CHECK_THROWS_WITH(contents(bytes), ContainsSubstring(reason));
    CHECK(requested_bytes() - before < (1 << 20));
  };
  fails({}, "too short");
  fails(testing::Bytes(100), "end record");
  fails(zip({member("a", kOne), member("a", kOne)}), "twice");
  Member m = member("a\x1b[31m\n", kOne);
  m.flags = 1;
  fails(zip({m}), "member \"a\\x1b[31m\\x0a\": it is encrypted");
  m = member("a", kOne);
  m.method = 12;
  fails(zip({m}), "compression 12");
  m = member("a", kOne);
  m.crc ^= 1;
  fails(zip({m}), "checksum");
  m = member("a", kOne);
  m.claimed_packed = m.size = 0x7fffffff;
  fails(zip({m}), "outside the file");
  m = member("a", kOne);
  m.claimed_local = 0x7ffffff0;
  fails(zip({m}), "local header");
  m = member("a", kOne);
  m.size = 0xffffffff;
  m.claimed_packed = 0xffffffff;
  fails(zip({m}), "zip64");
  m = member("a", kOne, true);
  m.size += 1;
  fails(zip({m}), "expected");
  m = member("b", kOne);
  m.claimed_local = 0;
  fails(zip({member("a", kOne), m}), "overlap");
  // Bombs: a deflated member that claims what deflate cannot give, and kOne that could give it.
  m = member("a", kOne, true);
  m.size = 15 << 20;
  fails(zip({m}), "too short to hold");
  testing::Bytes zeros(std::size_t{40} << 20);
  fails(zip({member("a", zeros, true)}), "claims to unpack");
}

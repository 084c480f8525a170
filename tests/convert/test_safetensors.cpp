#include <cstring>
#include <filesystem>

#include "catch.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "requested_bytes.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/safetensors.hpp"

using tern::Shape;
using tern::Tensor;
using tern::testing::requested_bytes;

namespace {

std::vector<std::byte> file_of(const std::string& header, std::size_t data_bytes,
                               std::uint64_t length_override = ~0ull) {
  const std::uint64_t length = length_override == ~0ull ? header.size() : length_override;
  std::vector<std::byte> out(8 + header.size() + data_bytes);
  std::memcpy(out.data(), &length, 8);
  std::memcpy(out.data() + 8, header.data(), header.size());
  return out;
}

}  // namespace

TEST_CASE("safetensors: round trip with metadata, and the same bytes again", "[convert]") {
  const TempDir dir;
  const std::vector<tern::NamedTensor> tensors{{"a.weight", Tensor::from(std::vector<float>{1, 2, 3, 4}, Shape{2, 2})},
                                               {"empty", Tensor::zeros(Shape{0})},
                                               {"steps", Tensor::from(std::vector<std::int64_t>{-5}, Shape{})},
                                               {"d", Tensor::from(std::vector<double>{0.1}, Shape{1})}};
  tern::write_safetensors(dir / "x.safetensors", tensors, {{"k", "v \"quoted\""}});
  const auto file = tern::read_safetensors(dir / "x.safetensors");
  REQUIRE(file.tensors.size() == 4);
  CHECK(file.metadata.at("k") == "v \"quoted\"");
  for (const auto& t : tensors) {
    INFO(t.name);
    REQUIRE(file.find(t.name).defined());
    CHECK(file.find(t.name).to_vector() == t.value.to_vector());
    CHECK(file.find(t.name).dtype() == t.value.dtype());
  }
  CHECK_FALSE(file.find("nothing").defined());
  const auto bytes = tern::read_file(dir / "x.safetensors");
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    REQUIRE_THROWS_AS(tern::parse_safetensors(cut, "cut"), tern::FormatError);
  }
}

TEST_CASE("safetensors: a flipped bit is refused by the name of its tensor, or changes nothing", "[convert]") {
  const TempDir dir;
  const std::vector<tern::NamedTensor> tensors{{"a", Tensor::from(std::vector<float>{0.0232f, 2}, Shape{2})},
                                               {"b", Tensor::from(std::vector<std::int64_t>{7}, Shape{})}};
  const std::map<std::string, std::string> metadata{{"state", "{\"epoch\":3}"}};
  tern::write_safetensors(dir / "x", tensors, metadata);
  const auto good = tern::read_file(dir / "x");
  CHECK(tern::parse_safetensors(good, "x").metadata == metadata);
  const std::size_t data = good.size() - 16;
  int taken = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      CAPTURE(i, bit);
      auto bad = good;
      bad[i] ^= static_cast<std::byte>(1 << bit);
      if (i >= data) {
        CHECK_THROWS_WITH(
            tern::parse_safetensors(bad, "x"),
            ContainsSubstring(i < data + 8 ? "tensor \"a\": its checksum" : "tensor \"b\": its checksum"));
        continue;
      }
      try {
        const auto file = tern::parse_safetensors(bad, "x");
        ++taken;
        CHECK(file.metadata.at("state") == metadata.at("state"));
        for (const auto& t : tensors) {
          REQUIRE(file.find(t.name).defined());
          CHECK(file.find(t.name).to_vector() == t.value.to_vector());
        }
      } catch (const tern::FormatError&) {
      }
    }
  }
  CHECK(taken < 200);  // in the spaces behind the header and in the names of the checksums
}

TEST_CASE("safetensors: half precision is widened", "[convert]") {
  auto bytes = file_of(
      R"({"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]}})",
      10);
  const std::uint16_t values[5] = {0x3C00, 0xC000, 0x0001, 0x7C00, 0x3F80};
  std::memcpy(bytes.data() + bytes.size() - 10, values, 10);
  const auto file = tern::parse_safetensors(bytes, "half");
  const auto h = file.find("h").to_vector();
  CHECK(h[0] == 1.0);
  CHECK(h[1] == -2.0);
  CHECK(h[2] == 0x1p-24);
  CHECK(std::isinf(h[3]));
  CHECK(file.find("b").item() == 1.0);
}

TEST_CASE("safetensors: a dtype that is not read matters to who asks for the tensor", "[convert]") {
  for (const char* dtype : {"BOOL", "U8", "I8", "I32", "F8_E4M3", "Q4"}) {
    INFO(dtype);
    const tern::SafetensorsFile f =
        tern::parse_safetensors(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":")" +
                                            std::string(dtype) + R"(","shape":[4],"data_offsets":[4,8]}})",
                                        8),
                                "some");
    CHECK(f.tensors.size() == 1);
    CHECK(f.find("a").numel() == 1);
    CHECK(f.unread.size() == 1);
    CHECK_FALSE(f.find("b").defined());
    CHECK_THROWS_AS(f.find("t"), tern::FormatError);
    CHECK_THROWS_WITH(f.find("t"),
                      ContainsSubstring("some, byte 8, tensor \"t\": unknown dtype \"" + std::string(dtype) + "\""));
  }
}

TEST_CASE("safetensors: an unknown dtype makes one printable line", "[convert]") {
  const tern::SafetensorsFile f =
      tern::parse_safetensors(file_of(R"({"t":{"dtype":"\u001b[31m\n","shape":[4],"data_offsets":[0,4]}})", 4), "some");
  CHECK_THROWS_WITH(f.find("t"), ContainsSubstring("unknown dtype \"\\x1b[31m\\x0a\""));
}

TEST_CASE("safetensors: files that lie", "[convert]") {
  const auto fails = [](const std::vector<std::byte>& bytes, const char* reason) {
    INFO(reason);
    tern::trim_memory_pool();
    const std::uint64_t before = requested_bytes();
    CHECK_THROWS_AS(tern::parse_safetensors(bytes, "lie"), tern::FormatError);
    CHECK_THROWS_WITH(tern::parse_safetensors(bytes, "lie"), ContainsSubstring(reason));
    CHECK(requested_bytes() - before < (1 << 20));
  };
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  fails(file_of("{}", 0, std::uint64_t{1} << 60), "header length");
  fails(file_of("", 0), "header");
  fails(file_of("[]", 0), "JSON object");
  fails(file_of("{oops", 0), "byte 10, header: not valid JSON");
  fails(file_of(tensor("F32", "[1]", "[0,8]"), 8), "does not fill");
  fails(file_of(tensor("F32", "[1]", "[0,4]"), 8), "continues after");
  fails(file_of(tensor("F32", "[1]", "[4,8]"), 8), "gap");
  fails(file_of(tensor("F32", "[1]", "[8,4]"), 8), "outside");
  fails(file_of(tensor("F32", "[4]", "[0,16]"), 8), "outside");
  fails(file_of(tensor("Q4", "[1]", "[0,8]"), 4), "outside");
  fails(file_of(tensor("Q4", "[1]", "[0,4]"), 8), "continues after");
  fails(file_of(tensor("F32", "[-1]", "[0,4]"), 4), "extent");
  fails(file_of(tensor("F32", "[1152921504606846976]", "[0,4]"), 4), "does not fill");
  fails(file_of(tensor("F32", "[4294967296,4294967296,4294967296]", "[0,4]"), 4), "dimensions or elements");
  fails(file_of(tensor("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4), "dimensions or elements");
  fails(
      file_of(
          R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
          8),
      "twice");
  fails(
      file_of(
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
          12),
      "overlaps");
  fails(file_of(R"({"t":{"dtype":"F32","shape":[1]}})", 4), "expected dtype");
  fails(file_of(R"({"__metadata__":{"a":1}})", 0), "expected a string for \"a\"");
  fails(file_of(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "\"a\" appears twice");
  fails(file_of(R"({"__metadata__":"a"})", 0), "expected an object of strings");
  fails(file_of(R"({"t":[]})", 0), "tensor \"t\": expected dtype");
  fails(file_of(R"({"t":null})", 0), "tensor \"t\": expected dtype");
  fails(file_of(R"({"t":{"dtype":["F32"]}})", 0), "expected dtype");
  fails(file_of(R"({"t":{"dtype":"F32","dtype":"F64"}})", 0), "\"dtype\" appears twice");
  fails(file_of(R"({"t":{"strides":[1]}})", 0), "unknown key \"strides\"");
  fails(file_of(tensor("F32", "[[1]]", "[0,4]"), 4), "extent");
  fails(file_of(tensor("F32", "[1]", "[0]"), 4), "two data_offsets");
  fails(file_of(tensor("F32", "[1]", "[0,4,4]"), 4), "two data_offsets");
  fails(file_of(tensor("F32", "[1]", "[0,4611686018427387904]"), 4), "two data_offsets");
  fails(file_of(tensor("F32", "[1.0]", "[0,4]"), 4), "extent");
  std::string zeros = "[0";
  for (int i = 0; i < 12'000'000; ++i) zeros += ",0";
  fails(file_of(tensor("F32", zeros + "]", "[0,0]"), 0), "dimensions or elements");
  fails(file_of(R"({"t":)" + std::string(1'000'000, '[') + "}", 0), "tensor \"t\": expected dtype");
  CHECK_THROWS_AS(tern::read_safetensors("/nonexistent/x.safetensors"), tern::IoError);
}

TEST_CASE("safetensors: tensors and metadata are at most 100,000", "[convert]") {
  const auto header = [](int tensors, int metadata) {
    std::string out = R"({"__metadata__":{)";
    for (int i = 0; i < metadata; ++i) out += (i ? ",\"" : "\"") + std::to_string(i) + R"(":"")";
    out += "}";
    for (int i = 0; i < tensors; ++i)
      out += ",\"" + std::to_string(i) + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
    return file_of(out + "}", 0);
  };
  CHECK(tern::parse_safetensors(header(99'000, 999), "most").tensors.size() == 99'000);
  CHECK_THROWS_WITH(tern::parse_safetensors(header(99'000, 1000), "more"),
                    ContainsSubstring("more than 100000 entries"));
  CHECK_THROWS_WITH(tern::parse_safetensors(header(100'000, 0), "more"), ContainsSubstring("more than 100000 entries"));
}

TEST_CASE("safetensors: a dtype that is not read matters to who asks for it", "[convert]") {
  const auto file = tern::parse_safetensors(
      file_of(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"mask":{"dtype":"BOOL","shape":[2,2],"data_offsets":[4,8]}})",
          8),
      "some.safetensors");
  REQUIRE(file.tensors.size() == 1);
  REQUIRE(file.unread.size() == 1);
  CHECK(file.find("a").item() == 0);
  CHECK(file.unread[0].name == "mask");
  CHECK(file.unread[0].shape == Shape{2, 2});
  CHECK_THROWS_AS(file.find("mask"), tern::FormatError);
  CHECK_THROWS_WITH(file.find("mask"),
                    ContainsSubstring("some.safetensors, byte 8, tensor \"mask\": unknown dtype \"BOOL\"; known: F32"));
}

TEST_CASE("safetensors: a file that lies is refused before its bulk is read", "[convert]") {
  const TempDir dir;
  const auto fails = [&](const std::vector<std::byte>& begin, const char* reason) {
    INFO(reason);
    const std::string path = dir / "x.safetensors";
    tern::write_file_atomically(path, begin);
    std::filesystem::resize_file(path, std::uintmax_t{3} << 30);  // sparse
    const std::uint64_t before = requested_bytes();
    CHECK_THROWS_WITH(tern::read_safetensors(path), ContainsSubstring(path) && ContainsSubstring(reason));
    CHECK(requested_bytes() - before < (1 << 20));
  };
  fails({}, "byte 8, header: expected a JSON object");
  fails(file_of("{}", 0), "the file continues after the last tensor");
  fails(file_of("{}", 0, std::uint64_t{1} << 31), "header length");
}

// npy and npz: round trips of hand-made files, and files that lie.
#include <cstring>
#include <filesystem>

#include "archives.hpp"
#include "catch.hpp"
#include "files/write.hpp"
#include "requested_bytes.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/numpy.hpp"

using namespace tern;
using namespace tern::testing;

TEST_CASE("npy: dtypes, shapes and versions", "[convert]") {
  const Tensor a = parse_npy(npy(dictionary("<f4", "(2, 3)"), raw<float>({1, 2, 3, 4, 5, 6})), "a");
  CHECK(a.shape() == Shape{2, 3});
  CHECK(a.to_vector() == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(parse_npy(npy(dictionary("<f8", "()"), raw<double>({0.1})), "b").item() == 0.1);
  CHECK(parse_npy(npy(dictionary("<i8", "(1,)"), raw<std::int64_t>({-7}), 2), "c").dtype() == DType::kI64);
  CHECK(parse_npy(npy(dictionary("<i4", "(2,)"), raw<std::int32_t>({-7, 8}), 3), "d").to_vector() ==
        std::vector<double>{-7, 8});
  CHECK(parse_npy(npy(dictionary("<f2", "(2,)", "True"), raw<std::uint16_t>({0x3C00, 0xC000})), "e").to_vector() ==
        std::vector<double>{1, -2});
  CHECK(parse_npy(npy(dictionary("<f4", "(0, 5)"), {}), "f").numel() == 0);
  CHECK(parse_npy(npy(dictionary("|i1", "(2,)"), raw<std::int8_t>({-3, 4})), "g").to_vector() ==
        std::vector<double>{-3, 4});
  CHECK(parse_npy(npy(dictionary("|u1", "(1,)"), raw<std::uint8_t>({200})), "h").to_vector() ==
        std::vector<double>{200});
  CHECK(parse_npy(npy(dictionary("|b1", "(2,)"), raw<std::uint8_t>({0, 1})), "i").dtype() == DType::kI64);
}

TEST_CASE("npy: files that lie", "[convert]") {
  const auto fails = [](const Bytes& bytes, const char* reason) {
    INFO(reason);
    CHECK_THROWS_AS(parse_npy(bytes, "lie"), FormatError);
    CHECK_THROWS_WITH(parse_npy(bytes, "lie"), ContainsSubstring(reason));
  };
  const Bytes four = raw<float>({1});
  fails({}, "not an npy");
  fails(npy(dictionary("<f4", "(1,)"), four, 9), "version");
  fails(npy(dictionary(">f4", "(1,)"), four), "unknown dtype");
  fails(npy(dictionary("|O", "(1,)"), four), "unknown dtype");
  fails(npy(dictionary("\x1b[31m\n", "(1,)"), four), "unknown dtype \"\\x1b[31m\\x0a\"");
  const std::string fields = "{'fortran_order': False, 'shape': (1,), 'descr': [('x', '<f4'), ('y]', '<i4', (2,))";
  fails(npy(fields + "]}", four), "unknown dtype \"[('x', '<f4'), ('y]'");
  fails(npy(fields, four), "a list without an end");
  fails(npy(fields + "}", four), "a list without an end");
  fails(npy(dictionary("<f8", "(1,)"), four), "does not fill");
  fails(npy(dictionary("<f4", "(2,)"), four), "does not fill");
  fails(npy(dictionary("<f4", "(1152921504606846976,)"), four), "does not fill");
  fails(npy(dictionary("<f4", "(4294967296, 4294967296, 4294967296)"), four), "dimensions or elements");
  fails(npy(dictionary("<f4", "(1,1,1,1,1,1,1,1,1,1,1,1)"), four), "dimensions or elements");
  fails(npy(dictionary("<f4", "(0, 4611686018427387904, 4611686018427387904)"), {}), "dimensions or elements");
  fails(npy(dictionary("<f4", "(-1,)"), four), "extent");
  fails(npy(dictionary("<f4", "(99999999999999999999999,)"), four), "extent");
  fails(npy(dictionary("<f4", "(1, 2, 2)", "True"), raw<float>({1, 2, 3, 4})), "C order");
  fails(npy("{'descr': '<f4', 'shape': (1,)}", four), "expected descr");
  fails(npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", four), "twice");
  fails(npy("{'descr': '<f4', 'evil': 1}", four), "unknown key");
  fails(npy("{'\x1b]0;evil\x07': 1}", four), "unknown key \"\\x1b]0;evil\\x07\"");
  fails(npy("__import__('os')", four), "expected '{'");
  fails(npy("{'descr: 1}", four), "quoted word");
  fails(npy("{evil}", four, 1), "byte 11, header: expected a quoted word");
  fails(npy("{evil}", four, 2), "byte 13, header: expected a quoted word");
  Bytes long_header = npy(dictionary("<f4", "(1,)"), four, 2);
  const std::uint32_t lie = 0xfffffff0;
  std::memcpy(long_header.data() + 8, &lie, 4);
  fails(long_header, "header length");
  const Bytes good = npy(dictionary("<f4", "(1,)"), four);
  for (std::size_t n = 0; n < good.size(); ++n) {
    REQUIRE_THROWS_AS(parse_npy(std::span(good).first(n), "cut"), FormatError);
  }
}

TEST_CASE("npz: stored and deflated members", "[convert]") {
  const std::vector<float> zeros(5000, 0.0f);
  const Bytes archive =
      zip({member("layer1.0.conv1.weight.npy", floats_npy({1, 2})), member("fc.bias.npy", floats_npy(zeros), true)},
          "hello");
  const SafetensorsFile f = parse_npz(archive, "a.npz");
  REQUIRE(f.tensors.size() == 2);
  CHECK(f.find("layer1.0.conv1.weight").to_vector() == std::vector<double>{1, 2});
  CHECK(f.find("fc.bias").numel() == 5000);
  CHECK(parse_npz(zip({}), "empty").tensors.empty());
  for (std::size_t n = 0; n < archive.size(); ++n) {
    REQUIRE_THROWS_AS(parse_npz(std::span(archive).first(n), "cut"), FormatError);
  }
}

TEST_CASE("npz: arrays that are not numbers stand beside those that are", "[convert]") {
  const Bytes names = npy(dictionary("<U3", "(2,)"), raw<std::int32_t>({97, 98, 99, 100, 0, 0}));
  const Bytes pairs =
      npy("{'descr': [('x', '<f4'), ('y', '<f4')], 'fortran_order': False, 'shape': (1,), }", raw<float>({1, 2}));
  const Bytes deep = npy(dictionary("<U1", "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)"), raw<std::int32_t>({97}));
  const SafetensorsFile f = parse_npz(zip({member("classes.npy", names), member("w.npy", floats_npy({1, 2})),
                                           member("p.npy", pairs), member("deep.npy", deep)}),
                                      "a.npz");
  REQUIRE(f.tensors.size() == 1);
  CHECK(f.find("w").to_vector() == std::vector<double>{1, 2});
  REQUIRE(f.unread.size() == 3);
  CHECK(f.unread[0].dtype == "<U3");
  CHECK(f.unread[0].shape == Shape{2});
  CHECK_THROWS_WITH(f.find("classes"),
                    ContainsSubstring("a.npz (classes.npy), byte 10, descr: unknown dtype \"<U3\"; known: <f4"));
  CHECK_THROWS_WITH(f.find("p"), ContainsSubstring("unknown dtype"));
}

TEST_CASE("npz: one changed byte is found or changes no value", "[convert]") {
  const Bytes good = zip({member("a.npy", floats_npy({1, 2, 3}), true), member("b.npy", floats_npy({4}))});
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= std::byte{0x41};
    try {
      const SafetensorsFile f = parse_npz(bad, "bad");
      for (const NamedTensor& t : f.tensors)
        CHECK((t.value.to_vector() == std::vector<double>{1, 2, 3} || t.value.to_vector() == std::vector<double>{4}));
    } catch (const FormatError&) {
    }
  }
}

TEST_CASE("npz: members that are no arrays", "[convert]") {
  const auto fails = [](const Bytes& bytes, const char* reason) {
    CHECK_THROWS_AS(parse_npz(bytes, "lie"), FormatError);
    CHECK_THROWS_WITH(parse_npz(bytes, "lie"), ContainsSubstring(reason));
  };
  fails({}, "too short");
  fails(zip({member("a.txt", floats_npy({1}))}), "end in .npy");
  fails(zip({member("\x1b.npy", npy(dictionary("<f4", "(2,)"), raw<float>({1})))}), "lie (\\x1b.npy), byte");
}

TEST_CASE("npy, npz: a file that lies is refused before its bulk is read", "[convert]") {
  const TempDir dir;
  const auto file = [&](const std::string& name, const Bytes& begin) {
    const std::string path = dir / name;
    write_file_atomically(path, begin);
    std::filesystem::resize_file(path, std::uintmax_t{3} << 30);  // sparse
    return path;
  };
  const auto fails = [](const std::string& path, const char* reason) {
    INFO(reason);
    const std::uint64_t before = requested_bytes();
    CHECK_THROWS_WITH(read_tensors(path), ContainsSubstring(path) && ContainsSubstring(reason));
    CHECK(requested_bytes() - before < (1 << 20));
  };
  fails(file("zeros.npy", {}), "not an npy file");
  fails(file("short.npy", npy(dictionary("<f4", "(1,)"), raw<float>({1}))), "does not fill");
  fails(file("zeros.npz", {}), "not a zip archive");
}

// compare_c: finds the first function that computes something else, and says what keeps it from comparing.
#include "c_programs.hpp"
#include "infer/builder.hpp"
#include "tern/error.hpp"

using namespace tern;

namespace {

packed::Model small_model() {
  test::Builder b(7);
  std::string x = b.quantize(b.affine(b.conv(b.input("1x6x6"), 8, 3, 3, {})), -1, 1);
  x = b.conv(x, 8, 3, 3, {.max_code = 1, .lo = -1, .hi = 1}, {{"pad", "1"}});
  x = b.plain("max_pool", {x}, {{"kernel", "2"}});
  b.linear(b.plain("flatten", {x}), 4, {.max_code = 1, .lo = -3, .hi = 4});  // the scores are codes
  return b.model;
}

std::vector<std::uint8_t> noise(std::size_t bytes) {
  Rng rng(5);
  std::vector<std::uint8_t> out(bytes);
  for (auto& b : out) b = static_cast<std::uint8_t>(rng.next_u32());
  return out;
}

void replace_in(const std::string& path, const std::string& what, const std::string& by) {
  std::string text = read_text_file(path);
  REQUIRE(text.find(what) != std::string::npos);
  text.replace(text.find(what), what.size(), by);
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("compare: a program is compared step by step", "[export]") {
  if (!test::installed("cc")) return;
  const packed::Model m = small_model();
  const auto images = noise(36 * 6);
  const CExport e = export_c(m, {.source_crc32 = 7});
  TempDir dir;
  write_files(e.files, dir.str());
  for (const std::string& folder : {std::string(), dir.str()}) {
    const CComparison same = compare_c(m, 7, folder, "cc", images);
    CHECK(same.images == 6);
    CHECK(same.same_predictions == 6);
    REQUIRE(same.steps.size() == 5);
    for (const CComparison::Step& s : same.steps) {
      CHECK(s.different == 0);
      CHECK(s.codes == (s.node != ""));
    }
    CHECK(same.steps[0].values == 6 * 8 * 4 * 4);
    CHECK(same.steps[4].values == 6 * 4);
  }
  replace_in(dir / "net.c", "code = (x_hw > code) ? x_hw : code;", "code = (x_hw < code) ? x_hw : code;");
  const CComparison other = compare_c(m, 7, dir.str(), "cc", images);
  CHECK(other.steps[1].different == 0);
  CHECK(other.steps[2].different > 0);
}

TEST_CASE("compare: what keeps it from comparing", "[export]") {
  if (!test::installed("cc")) return;
  const packed::Model m = small_model();
  const auto images = noise(36);
  TempDir dir;
  write_files(export_c(m, {.source_crc32 = 7}).files, dir.str());
  CHECK_THROWS_WITH(compare_c(m, 8, dir.str(), "cc", images), ContainsSubstring("another packed file"));
  CHECK_THROWS_AS(compare_c(m, 7, dir / "none", "cc", images), IoError);
  CHECK_THROWS_AS(compare_c(m, 7, dir.str(), "no-such-compiler", images), IoError);
  CHECK_THROWS_WITH(compare_c(m, 7, dir.str(), "cc", noise(40)), ContainsSubstring("whole images of 36 bytes; got 40"));
  replace_in(dir / "net.c", "int32_t net_class", "int32_t net_klass");
  CHECK_THROWS_WITH(compare_c(m, 7, dir.str(), "cc", images), ContainsSubstring("cc failed with 1: "));
  std::ofstream(dir / "manifest.json") << "[]";
  CHECK_THROWS_AS(compare_c(m, 7, dir.str(), "cc", images), FormatError);
}

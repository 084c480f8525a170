// What the pages of docs say of options is what the tables in src/quant say.
#include "golden.hpp"
#include "option_pages.hpp"

namespace {

namespace fs = std::filesystem;
using tern::testing::cell;
const fs::path kDocs = fs::path(TERN_SOURCE_DIR) / "docs";

// The last cell of the key's row in the overview, below the heading.
std::string overview(const std::string& heading, const std::string& key) {
  bool below = false;
  for (const std::string& line : tern::testing::lines_of(kDocs / "quantizers.md")) {
    if (line.starts_with("## ")) below = line == heading;
    if (!below || !line.starts_with("| `" + key + "` |")) continue;
    const std::size_t end = line.rfind(" |"), begin = line.rfind(" | ", end - 1);
    return line.substr(begin + 3, end - begin - 3);
  }
  FAIL("docs/quantizers.md has no row of " << key);
  return "";
}

void check_pages(const std::string& kind, const std::string& heading, const std::vector<tern::MethodInfo>& all) {
  std::vector<fs::path> pages;
  for (const auto& page : fs::directory_iterator(kDocs / "quantizers")) pages.push_back(page.path());
  for (const tern::MethodInfo& info : all) {
    if (!info.options) continue;  // from outside
    INFO(kind << ", " << info.key);
    CHECK(overview(heading, info.key) == (info.options->empty() ? "-" : cell(tern::brief(*info.options))));
    CHECK(tern::testing::table_in_pages(pages, kind, info.key) == tern::testing::option_table(*info.options));
  }
}

}  // namespace

TEST_CASE("pages: options of every quantizer as its table has them", "[quant][docs]") {
  check_pages("weights", "## Weights", tern::weight_quantizers());
  check_pages("activations", "## Activations", tern::act_quantizers());
}

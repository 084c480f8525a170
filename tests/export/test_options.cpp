// What the C program is allowed to be, and what its options do.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "c_programs.hpp"
#include "infer/builder.hpp"
#include "tern/error.hpp"

using namespace tern;
using test::Builder;

namespace {

// Integers from the image's bytes to the scores' sums; dense layers that take most of the flash.
packed::Model integer_network() {
  Builder b(3);
  std::string x = b.quantize(b.input("1x8x8"), -8, 7);
  x = b.conv(x, 12, 3, 3, {.max_code = 1, .lo = -1, .hi = 1}, {{"pad", "1"}});
  x = b.plain("flatten", {b.plain("max_pool", {x}, {{"kernel", "2"}})});
  x = b.linear(x, 50, {.max_code = 1, .lo = -1, .hi = 1});
  x = b.linear(x, 70, {.max_code = 1, .lo = 0, .hi = 1});
  const std::string scores = b.linear(x, 3, {.max_code = 1, .bias = true});
  b.model.blobs[scores + ".scale_pos"] = packed::Blob::of_floats({3}, {0.1f, 0.2f, 0.3f});
  for (int k = 0; k < 3; ++k)
    b.model.meta["class." + std::to_string(k)] = std::string("\"na\\me?") + "\xc3\xa4" + char('0' + k);
  return b.model;
}

int run(const std::string& command) {
  const int status = std::system(command.c_str());
  return status == -1 ? -1 : WEXITSTATUS(status);
}

std::set<std::string> forms_of(const CExport& e) {
  std::set<std::string> out;
  for (const CStep& s : e.steps) out.insert(s.form);
  return out;
}

// The text without comments and what only tracing sees.
std::string program_text(const CExport& e) {
  std::string text = std::regex_replace(e.files.at("net.c"), std::regex(R"(/\*[^*]*\*+([^/*][^*]*\*+)*/)"), "");
  return std::regex_replace(text, std::regex("#ifdef NET_TRACE[^#]*#include[^#]*#define[^#]*#else"), "");
}

}  // namespace

TEST_CASE("c: the network is plain code: no library, no function pointer, no loop without a constant bound",
          "[export]") {
  const std::string text = program_text(export_c(integer_network()));
  const std::regex include("#include (.*)");
  for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it)
    CHECK(((*it)[1] == "\"net.h\"" || (*it)[1] == "\"net_tables.h\""));
  for (const char* word : {"malloc", "free", "printf", "goto", "while", "(*", "double", "union"}) {
    INFO(word);
    CHECK(text.find(word) == std::string::npos);
  }
  const std::regex loop(R"(for \(int32_t (\w+) = [01]; \1 < (\d+|NET_SCORES); \1\+\+\) \{)");
  std::size_t loops = 0;
  for (std::size_t at = text.find("for ("); at != std::string::npos; at = text.find("for (", at + 1)) {
    INFO(text.substr(at, 60));
    CHECK(std::regex_search(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), loop,
                            std::regex_constants::match_continuous));
    ++loops;
  }
  CHECK(loops > 10);
}

TEST_CASE("c: an integer network has no float, neither in its scores", "[export]") {
  const CExport e = export_c(integer_network());
  CHECK(program_text(e).find("float") == std::string::npos);
  CHECK(e.files.at("net_tables.h").find("float") == std::string::npos);
  CHECK(e.files.at("net.h").find("typedef int64_t net_score;") != std::string::npos);
  CHECK(e.score_bytes == 3 * 8);

  packed::Model m = integer_network();  // a negative scale: its zero has a sign that integers do not have
  const std::string scale = m.graph.nodes().back().name + ".scale_pos";
  m.blobs.at(scale) = packed::Blob::of_floats({3}, std::vector<float>{0.5f, -0.5f, 0.5f});
  const CExport floats = export_c(m);
  CHECK(floats.files.at("net.h").find("typedef float net_score;") != std::string::npos);
  CHECK(floats.score_bytes == 3 * 4);
}

TEST_CASE("c: no written globals, little stack", "[export]") {
  if (!test::installed("gcc") || !test::installed("nm")) return;
  TempDir dir;
  const CExport e = export_c(integer_network());
  write_files(e.files, dir.str());
  REQUIRE(run("cd " + dir.str() + " && gcc -std=c99 -Os -fstack-usage -c net.c && nm net.o >symbols") == 0);
  const std::string symbols = read_text_file(dir / "symbols");
  CHECK(symbols.find(" T net_run") != std::string::npos);
  for (const char* written : {" d ", " D ", " b ", " B ", " C ", " U "})
    CHECK(symbols.find(written) == std::string::npos);
  // net_run calls a step, and a step calls a function that calls none.
  std::istringstream usage(read_text_file(dir / "net.su"));
  int run_bytes = 0, step_bytes = 0, functions = 0, bytes = 0;
  for (std::string where, kind; usage >> where >> bytes >> kind; ++functions) {
    CHECK(kind == "static");
    (where.ends_with(":net_run") ? run_bytes : step_bytes) =
        std::max(bytes, where.ends_with(":net_run") ? 0 : step_bytes);
  }
  REQUIRE(functions > 2);
  CHECK(run_bytes > 0);
  CHECK(run_bytes + step_bytes + 16 <= 256);
}

TEST_CASE("c: the arena holds what lives at one time", "[export]") {
  const CExport e = export_c(integer_network());
  // 12x8x8, 12x4x4, 50 and 70 codes; at most two neighbours are alive.
  std::int64_t two = 0;
  for (std::size_t s = 1; s < e.steps.size(); ++s) two = std::max(two, e.steps[s - 1].ram + e.steps[s].ram);
  CHECK(e.arena_bytes == two);
  CHECK(e.arena_bytes == 64 * 2 * 2 + 16 * 2 * 2);
  CHECK(e.ram() == e.arena_bytes + 64 + 24);
}

TEST_CASE("c: sums of real values are written over a term that nothing reads any more", "[export]") {
  Builder b(8);
  const std::string x = b.affine(b.conv(b.input("1x4x4"), 2, 1, 1, {})),
                    y = b.plain("max_pool", {x}, {{"kernel", "1"}});
  const std::string z = b.plain("add", {x, y}), again = b.plain("add", {z, z});  // z dies, x and y died
  b.linear(b.plain("flatten", {b.plain("add", {again, z})}), 3, {});
  CHECK(export_c(b.model).arena_bytes == 2 * 4 * 32);
  test::CPrograms programs;
  programs.add(b.model, {}, 3);
  programs.check({test::c_compilers().front(), test::watching()});
}

TEST_CASE("c: budgets choose forms, or refuse with what needs what", "[export]") {
  const packed::Model m = integer_network();
  const CExport bits = export_c(m, {.form = "bits"}), base3 = export_c(m, {.form = "base3"}), free = export_c(m);
  REQUIRE(base3.flash() + 100 < bits.flash());
  CHECK(free.flash() == bits.flash());
  CHECK(forms_of(base3) == std::set<std::string>{"", "base3"});
  const auto between = static_cast<std::uint64_t>((bits.flash() + base3.flash()) / 2);
  const CExport some = export_c(m, {.max_flash = between});
  CHECK(static_cast<std::uint64_t>(some.flash()) <= between);
  CHECK(forms_of(some).contains("bits"));
  CHECK(forms_of(some).contains("base3"));
  test::CPrograms programs;
  programs.add(m, {.max_flash = between}, 3);
  programs.check({test::c_compilers().front()});
  const auto flash = static_cast<std::uint64_t>(base3.flash()), ram = static_cast<std::uint64_t>(bits.ram());
  CHECK_THROWS_WITH(export_c(m, {.max_flash = flash - 1}), ContainsSubstring("bytes of flash"));
  CHECK_THROWS_WITH(export_c(m, {.max_ram = ram - 1}), ContainsSubstring("bytes of RAM"));
  try {
    export_c(m, {.max_ram = ram - 1});
    FAIL("no BudgetError");
  } catch (const BudgetError& e) {
    CHECK(e.table.find(free.steps[2].nodes) != std::string::npos);
  }
  CHECK_NOTHROW(export_c(m, {.max_flash = flash, .max_ram = ram}));
}

TEST_CASE("c: the self-test passes, and names the layer whose weights are others", "[export]") {
  if (!test::installed("make") || !test::installed("cc")) return;
  TempDir dir;
  const CExport e = export_c(integer_network(), {.selftest = 2, .arduino = true});
  write_files(e.files, dir.str());
  const std::string make = "make -s -C " + dir.str() + " CFLAGS='-std=c99 -O1" + test::kWarnings + "' ";
  CHECK(run(make + "net net_trace check >" + (dir / "log") + " 2>&1") == 0);
  CHECK(read_text_file(dir / "log") == "self-test: 2 images, every value as expected\n");
  std::string tables = e.files.at("net_tables.h");
  const std::size_t weights = tables.find("= {", tables.find("net_" + e.steps[2].node + "_weight["));
  for (std::size_t at = weights; tables[at] != '}'; ++at) {
    if (std::isxdigit(static_cast<unsigned char>(tables[at]))) tables[at] = '0';
  }
  std::ofstream(dir / "net_tables.h") << tables;
  CHECK(run(make + "check >" + (dir / "log") + " 2>&1") != 0);
  CHECK(read_text_file(dir / "log").find("self-test: " + e.steps[2].node + " differs") == 0);
  CHECK(std::filesystem::exists(dir / "arduino/net/src/net.c"));
  CHECK(std::filesystem::exists(dir / "arduino/net/library.properties"));
}

TEST_CASE("c: the program prints class, name, scores and codes", "[export]") {
  if (!test::installed("make") || !test::installed("cc")) return;
  TempDir dir;
  const packed::Model m = integer_network();
  const CExport e = export_c(m);
  write_files(e.files, dir.str());
  std::ofstream(dir / "image", std::ios::binary) << std::string(64, '\x5a');
  REQUIRE(run("make -s -C " + dir.str() + " net trace") == 0);
  REQUIRE(run("cd " + dir.str() + " && ./net <image >out && ./net_trace codes <image >codes") == 0);
  infer::Session session(m);
  const std::vector<float> scores = session.run(std::vector<std::uint8_t>(64, 0x5a), 1);
  const std::int32_t best = infer::arg_max(scores);
  const std::string text = read_text_file(dir / "out");
  CHECK(text.starts_with(fmt::format("{} {}: ", best, m.meta.at("class." + std::to_string(best)))));
  std::istringstream in(text.substr(text.find(": ") + 2));
  for (const float want : scores) {
    float got = 0;
    in >> got;
    CHECK(got == want);
  }
  const std::string codes = "\n" + read_text_file(dir / "codes");
  for (const CStep& s : e.steps) CHECK(codes.find("\n" + s.node + ":") != std::string::npos);
}

TEST_CASE("c: the manifest says what it is made of", "[export]") {
  CExportOptions o{.name = "digits", .source = "net.tern", .source_crc32 = 0x12ab};
  const CExport e = export_c(integer_network(), o);
  const auto j = nlohmann::json::parse(e.files.at("manifest.json"));
  CHECK(j.at("source_crc32") == "000012ab");
  CHECK(j.at("source") == "net.tern");
  CHECK(j.at("flash").at("tables") == e.table_bytes);
  CHECK(j.at("ram").at("arena") == e.arena_bytes);
  CHECK(j.at("steps").size() == e.steps.size());
  CHECK(e.files.contains("digits.c"));
  CHECK(e.files.at("digits.h").find("NET_") == std::string::npos);
}

TEST_CASE("c: what cannot be exported says which node and why", "[export]") {
  const packed::Model m = integer_network();
  for (const std::string name : {"", "1net", "Net", "a-b", "a b"})
    CHECK_THROWS_AS(export_c(m, {.name = name}), ValueError);
  CHECK_THROWS_WITH(export_c(m, {.words = 16}), ContainsSubstring("32 or 64"));
  CHECK_THROWS_WITH(export_c(m, {.form = "bit"}), ContainsSubstring("did you mean \"bits\""));
  CHECK_THROWS_AS(export_c(m, {.selftest = -1}), ValueError);
  Builder b(4);
  const std::string x = b.linear(b.plain("flatten", {b.quantize(b.input("1x2x2"), -1, 1, "1e30")}), 2, {.max_code = 1});
  b.model.blobs[x + ".scale_pos"].f32.assign(2, 1e30f);
  CHECK_THROWS_WITH(export_c(b.model), ContainsSubstring("\"" + x + "\"") && ContainsSubstring("not finite"));
}

TEST_CASE("c: names of nodes become identifiers that nothing else has", "[export]") {
  packed::Model m;
  m.graph = Graph::parse(
      "tern-graph 1\nrun = input() shape=1x2x2\nclass = relu(run)\na.b = hardtanh(class)\na_b = max_pool(a.b) "
      "kernel=1\n"
      "count = add(a_b, a.b)\nword = max_pool(count) kernel=2\n");
  test::CPrograms programs;
  programs.add(m, {}, 2);
  programs.check({test::c_compilers().front()});
}

TEST_CASE("c: thresholds at the ends of 32 bits, infinite ones, and values beyond the floats", "[export]") {
  constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min(),
                         kMax = std::numeric_limits<std::int32_t>::max();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  packed::Model m;
  m.graph = Graph::parse(
      "tern-graph 1\nimage = input() shape=1x1x2\ni = max_pool(image) kernel=1\na = affine(i)\nb = affine(a)\nc = "
      "affine(b)\nn = add(b, c, "
      "image)\n"
      "q = quantize(n) lo=-2 hi=3 step=1\nr = quantize(c) lo=-2 hi=3 step=1\nf = concat(q, r)\ng = flatten(f)\n"
      "y = linear(g) out=4 weights=codes epilogue=threshold lo=0 hi=2 step=0.5\n");
  for (const std::string node : {"a", "b", "c"}) {
    m.blobs[node + ".k1"] = packed::Blob::of_floats({1}, {node == "c" ? -1 : 3e38f});
    m.blobs[node + ".k0"] = packed::Blob::of_floats({1}, {0});
  }
  for (const std::string node : {"q", "r"})
    m.blobs[node + ".thresholds"] = packed::Blob::of_floats({5}, {-kInf, -kInf, 0, 1, kInf});
  m.blobs["y.weight"] = packed::Blob::of_codes({4, 4}, {1, 1, 1, 1, -1, 2, 0, 1, 1, 1, 1, 1, 1, -1, 1, 1});
  m.blobs["y.flip"] = packed::Blob::of_codes({4}, {0, 0, 1, 1});
  m.blobs["y.thresholds"] = packed::Blob::of_ints({4, 2}, {kMin, kMax, -5, 2, kMax, kMin, 6, -5});
  test::CPrograms programs;
  for (const std::string form : {"bits", "base3"}) programs.add(m, {.form = form}, 8);
  programs.check(test::c_compilers());
}

TEST_CASE("c: contraction is switched off where the compiler would fuse", "[export]") {
  if (!is_available(Isa::kAvx2)) return;
  std::vector<std::string> fusing;
  for (const std::string cc : {"gcc", "clang"}) {
    if (test::installed(cc)) fusing.push_back(cc + " -std=gnu99 -O2 -mfma");
  }
  Builder b(6);
  std::string x = b.affine(b.conv(b.input("2x6x6"), 5, 3, 3, {.bias = true}));
  b.linear(b.plain("flatten", {b.plain("avg_pool", {b.affine(b.prelu(x))}, {{"kernel", "3"}, {"stride", "1"}})}), 9,
           {});
  test::CPrograms programs;
  programs.add(b.model, {}, 4);
  programs.check(fusing);
}

// Exported networks compiled in few calls of a compiler, run on images, and compared with the reference runtime: the
// scores' bits, and the checksum of every step's values.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "export/c/expected.hpp"
#include "export/c/files.hpp"
#include "files/read.hpp"
#include "temp_dir.hpp"
#include "tern/export.hpp"
#include "tern/rng.hpp"

namespace tern::test {

inline const std::string kWarnings = " -pedantic -Wall -Wextra -Wconversion -Wshadow -Werror ";

inline bool installed(const std::string& compiler) {
  return std::system(("command -v " + compiler + " >/dev/null").c_str()) == 0;
}

/// As C99 and as C++, unoptimized and optimized.
inline std::vector<std::string> c_compilers() {
  std::vector<std::string> out;
  for (const std::string cc : {"gcc", "clang"}) {
    if (!installed(cc)) continue;
    for (const std::string level : {"-O0", "-O2"}) out.push_back(cc + " -std=c99 " + level);
  }
  if (installed("g++")) out.emplace_back("g++ -std=c++17 -x c++ -O0");
  if (installed("clang++")) out.emplace_back("clang++ -std=c++17 -x c++ -O0");
  return out;
}

/// Every access and every overflow is watched.
inline std::string watching() { return c_compilers().front() + " -fsanitize=address,undefined -fno-sanitize-recover"; }

class CPrograms {
 public:
  void add(const packed::Model& model, CExportOptions options, int images) {
    options.name = "n" + std::to_string(networks_.size());
    Network n{options.name, model, export_c(model, options), {}};
    write_files(n.exported.files, dir_.str());
    Rng rng(networks_.size());
    for (std::int64_t i = 0; i < images * n.exported.image_bytes; ++i)
      n.pixels.push_back(static_cast<std::uint8_t>(rng.next_u32()));
    networks_.push_back(std::move(n));
  }

  /// Compiles all as one file by each of the commands, and compares.
  void check(const std::vector<std::string>& compilers) {
    REQUIRE_FALSE(compilers.empty());
    write_driver();
    const std::string want = expected();
    for (const std::string& compiler : compilers) {
      INFO(compiler);
      const std::string program = dir_ / "program", output = dir_ / "output", log = dir_ / "log";
      const std::string compile =
          compiler + kWarnings + "-I" + dir_.str() + " -o " + program + " " + (dir_ / "driver.c");
      const int status = std::system((compile + " 2>" + log).c_str());
      INFO(read_text_file(log).substr(0, 2000));
      REQUIRE(status == 0);
      REQUIRE(std::system((program + " <" + (dir_ / "images") + " >" + output).c_str()) == 0);
      compare(want, read_text_file(output));
    }
  }

 private:
  struct Network {
    std::string name;
    packed::Model model;
    CExport exported;
    std::vector<std::uint8_t> pixels;
  };

  void write_driver() const {
    std::ofstream driver(dir_ / "driver.c"), images(dir_ / "images", std::ios::binary);
    driver << "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n";
    std::string calls;
    for (const Network& n : networks_) {
      driver << c99::fill(kNetwork, c99::Prefix(n.name));
      calls += "    " + n.name + "_all(" +
               std::to_string(static_cast<std::int64_t>(n.pixels.size()) / n.exported.image_bytes) + ");\n";
      images.write(reinterpret_cast<const char*>(n.pixels.data()), static_cast<std::streamsize>(n.pixels.size()));
    }
    driver << "int main(void) {\n" << calls << "    return 0;\n}\n";
  }

  std::string expected() const {
    std::ostringstream out;
    for (const Network& n : networks_) {
      c99::Expectation expectation(n.model, c99::nodes_of(n.exported));
      const auto size = static_cast<std::size_t>(n.exported.image_bytes);
      for (std::size_t at = 0; at < n.pixels.size(); at += size) {
        const c99::CSums sums = expectation.of(std::span(n.pixels).subspan(at, size));
        const auto print = [&](const std::vector<std::uint32_t>& values) {
          for (const std::uint32_t v : values) out << ' ' << fmt::format("{:08x}", v);
        };
        out << n.name;
        print(sums.scores);
        print(sums.steps);
        out << "\n";
      }
    }
    return out.str();
  }

  void compare(const std::string& want, const std::string& got) const {
    if (want == got) return;
    std::istringstream a(want), b(got);
    for (std::string x, y; std::getline(a, x) && std::getline(b, y);) {
      if (x == y) continue;
      const Network& n = networks_.at(std::stoul(x.substr(1)));
      INFO(n.model.graph.format() << n.exported.files.at(n.name + ".c"));
      CHECK(x == y);
      return;
    }
    CHECK(want == got);
  }

  static constexpr const char* kNetwork = R"(
#define @@_TRACE
#include "@.c"
#include "@_sums.h"
static uint32_t @_sums[@@_STEPS];
void @_trace_code(int32_t step, int32_t code) { @_sum_code(&@_sums[step], code); }
void @_trace_real(int32_t step, float value) { @_sum_real(&@_sums[step], value); }
static void @_all(int images) {
    static @_arena arena;
    static uint8_t image[@@_IMAGE_BYTES];
    static @_score scores[@@_SCORES];
    for (; images > 0; images--) {
        int32_t i;
        if (fread(image, 1, sizeof image, stdin) != sizeof image) exit(3);
        memset(@_sums, 0, sizeof @_sums);
        memset(&arena, 0x55 + images, sizeof arena);
        @_run(image, &arena, scores);
        printf("@");
        for (i = 0; i < @@_SCORES; i++) printf(" %08lx", (unsigned long)@_bits(@@_REAL(scores[i])));
        for (i = 0; i < @@_STEPS; i++) printf(" %08lx", (unsigned long)@_sums[i]);
        printf("\n");
        if (@_step_names[0][0] == '\0' || @_arena_bytes != @@_ARENA_BYTES || @_class(scores) < 0) exit(4);
    }
}
)";

  TempDir dir_;
  std::vector<Network> networks_;
};

}  // namespace tern::test

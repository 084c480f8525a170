// net_names.h, main.c, Makefile, manifest.json and the Arduino library.
#include <nlohmann/json.hpp>

#include "core/names.hpp"
#include "export/c/files.hpp"

namespace tern::c99 {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (byte < 32 || byte > 126 || c == '?')  // ??( would be a trigraph
      out += fmt::format("\\{:03o}", byte);
    else
      out += c;
  }
  return out + "\"";
}

std::vector<std::string> class_names(const Program& p) {
  std::vector<std::string> out;
  for (i64 k = 0; k < p.nodes.back().type.numel(); ++k) {
    const auto it = p.model.meta.find("class." + std::to_string(k));
    out.push_back(it == p.model.meta.end() ? std::to_string(k) : it->second);
  }
  return out;
}

const char* const kMain =
    R"(/* Reads images of @@_IMAGE_BYTES bytes from standard input until it ends; prints class and scores of each.
   Compiled with @@_TRACE, `codes` as argument prints the values of every step as well, and `sums` nothing but the bits
   of the scores and the checksum of each step's values, in hexadecimal. */
#include <stdio.h>
#include <string.h>

#include "@.h"
#include "@_names.h"

static @_arena arena;
static uint8_t image[@@_IMAGE_BYTES];
static @_score scores[@@_SCORES];

#ifdef @@_TRACE
#include "@_sums.h"

static uint32_t sums[@@_STEPS];
static int show_codes;

static void show(int32_t step) {
    static int32_t shown = -1;
    if (step != shown) {
        printf("%s%s:", (shown >= 0) ? "\n" : "", @_step_names[step]);
    }
    shown = step;
}

void @_trace_code(int32_t step, int32_t code) {
    @_sum_code(&sums[step], code);
    if (show_codes) {
        show(step);
        printf(" %ld", (long)code);
    }
}

void @_trace_real(int32_t step, float value) {
    @_sum_real(&sums[step], value);
    if (show_codes) {
        show(step);
        printf(" %.9g", (double)value);
    }
}

static void print_sums(void) {
    int32_t i;
    for (i = 0; i < @@_SCORES; i++) {
        printf("%08lx ", (unsigned long)@_bits(@@_REAL(scores[i])));
    }
    for (i = 0; i < @@_STEPS; i++) {
        printf(" %08lx", (unsigned long)sums[i]);
    }
    printf("\n");
}
#endif

static void print_scores(void) {
    int32_t i;
    const int32_t best = @_class(scores);
    printf("%ld %s:", (long)best, @_class_names[best]);
    for (i = 0; i < @@_SCORES; i++) {
        printf(" %.9g", (double)@@_REAL(scores[i]));
    }
    printf("\n");
}

int main(int argc, char **argv) {
    const int only_sums = (argc > 1) && (strcmp(argv[1], "sums") == 0);
#ifdef @@_TRACE
    show_codes = (argc > 1) && (strcmp(argv[1], "codes") == 0);
#endif
    while (fread(image, 1, sizeof image, stdin) == sizeof image) {
#ifdef @@_TRACE
        memset(sums, 0, sizeof sums);
#endif
        @_run(image, &arena, scores);
#ifdef @@_TRACE
        if (show_codes) {
            printf("\n");
        }
        if (only_sums) {
            print_sums();
            continue;
        }
#endif
        if (only_sums) {
            fprintf(stderr, "compile with -D@@_TRACE\n");
            return 2;
        }
        print_scores();
    }
    return 0;
}
)";

const char* const kSums =
    R"(/* Checksums of values, for main.c and selftest.c: CRC-32 of the codes as bytes, of real numbers as four bytes, lowest
   first. */
#ifndef @@_SUMS_H
#define @@_SUMS_H

#include <stdint.h>
#include <string.h>

#define @@_STEPS {0}
static const char *const @_step_names[@@_STEPS] = {{
{1}
}};

static uint32_t @_bits(float value) {{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (value == value) ? bits : 0x7fc00000u; /* one of the numbers that are none stands for all */
}}

static void @_sum_byte(uint32_t *sum, uint32_t byte) {{
    uint32_t crc = ~*sum ^ (byte & 0xffu);
    int32_t i;
    for (i = 0; i < 8; i++) {{
        crc = (crc >> 1) ^ ((crc & 1u) ? 0xedb88320u : 0u);
    }}
    *sum = ~crc;
}}

static void @_sum_code(uint32_t *sum, int32_t code) {{
    @_sum_byte(sum, (uint32_t)code);
}}

static void @_sum_real(uint32_t *sum, float value) {{
    const uint32_t bits = @_bits(value);
    @_sum_byte(sum, bits);
    @_sum_byte(sum, bits >> 8);
    @_sum_byte(sum, bits >> 16);
    @_sum_byte(sum, bits >> 24);
}}

#endif
)";

const char* const kMakefile =
    R"(# make: @, which reads images and prints scores. make trace: @_trace, which prints codes too.{0}
CFLAGS = -std=c99 -O2 -ffp-contract=off -pedantic -Wall -Wextra -Wconversion -Wshadow
SOURCES = @.c @.h @_tables.h @_names.h

@: main.c $(SOURCES)
	$(CC) $(CFLAGS) -o $@ main.c @.c

trace: @_trace
@_trace: main.c $(SOURCES) @_trace.h @_sums.h
	$(CC) $(CFLAGS) -D@@_TRACE -o $@ main.c @.c
{1}
clean:
	rm -f @ @_trace selftest
.PHONY: trace clean{2}
)";

const char* const kCheck = R"(
selftest: selftest.c $(SOURCES) @_trace.h @_sums.h
	$(CC) $(CFLAGS) -D@@_TRACE -D@@_SELFTEST_MAIN -o $@ selftest.c @.c
check: selftest
	./selftest
)";

const char* const kSketch = R"(// Classifies an image that stands here in the sketch; put yours into it.
#include <@.h>

static @_arena arena;
static uint8_t image[@@_IMAGE_BYTES];
static @_score scores[@@_SCORES];

void setup() {
  Serial.begin(115200);
}

void loop() {
  @_run(image, &arena, scores);
  Serial.println(@_class(scores));
  delay(1000);
}
)";

// $@ of make, which fill() would take for the prefix.
std::string make_text(std::string text, const Prefix& prefix) {
  for (std::size_t at = text.find("$@"); at != std::string::npos; at = text.find("$@", at + 1))
    text.replace(at, 2, "$\x01");
  text = fill(text, prefix);
  for (char& c : text) c = c == '\x01' ? '@' : c;
  return text;
}

std::string names_file(const Written& w) {
  const std::string rows =
      join(class_names(w.program), ",\n", [](const std::string& name) { return "    " + quoted(name); });
  return fill(R"(/* What the scores stand for. */
#ifndef @@_NAMES_H
#define @@_NAMES_H

static const char *const @_class_names[@@_SCORES] = {
)",
              w.program.prefix) +
         rows + "\n};\n\n#endif\n";
}

std::string sums_file(const Written& w) {
  const std::string rows =
      join(w.figures.steps, ",\n", [](const CStep& s) { return "    " + quoted(s.node.empty() ? s.nodes : s.node); });
  return fill(fmt::format(fmt::runtime(kSums), w.figures.steps.size(), rows), w.program.prefix);
}

std::string makefile(const Written& w) {
  const bool test = w.options.selftest > 0;
  return make_text(fmt::format(fmt::runtime(kMakefile), test ? " make check: the self-test." : "", test ? kCheck : "",
                               test ? " check" : ""),
                   w.program.prefix);
}

std::string manifest_file(const Written& w) {
  const CExport& e = w.figures;
  nlohmann::ordered_json j{{"name", w.options.name},
                           {"source", w.options.source},
                           {"source_crc32", fmt::format("{:08x}", w.options.source_crc32)},
                           {"words", w.options.words},
                           {"input", w.program.nodes[0].type.shape.str()},
                           {"scores", w.program.nodes.back().type.numel()},
                           {"score", w.program.unit ? "int64_t, of 2^" + std::to_string(*w.program.unit) : "float"},
                           {"classes", class_names(w.program)},
                           {"flash", {{"tables", e.table_bytes}, {"code_estimate", e.code_bytes}}},
                           {"ram", {{"arena", e.arena_bytes}, {"image", e.image_bytes}, {"scores", e.score_bytes}}}};
  for (const CStep& s : e.steps) {
    j["steps"].push_back({{"node", s.node},
                          {"nodes", s.nodes},
                          {"form", s.form},
                          {"flash", s.flash},
                          {"ram", s.ram},
                          {"operations", s.operations},
                          {"values", s.values},
                          {"result", s.result}});
  }
  return j.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// A library for the Arduino IDE.
std::map<std::string, std::string> arduino_files(const Written& w, const std::map<std::string, std::string>& files) {
  const std::string &name = w.options.name, folder = "arduino/" + name + "/";
  std::map<std::string, std::string> out;
  for (const std::string suffix : {".h", ".c", "_tables.h", "_names.h", "_trace.h"})
    out[folder + "src/" + name + suffix] = files.at(name + suffix);
  out[folder + "examples/classify/classify.ino"] = fill(kSketch, w.program.prefix);
  out[folder + "library.properties"] = fill(
      "name=@\nversion=1.0.0\nauthor=tern\nmaintainer=tern\nsentence=A ternary network in C99.\n"
      "paragraph=Written by tern export.\ncategory=Data "
      "Processing\nurl=https://localhost\narchitectures=*\nincludes=@.h\n",
      w.program.prefix);
  return out;
}

}  // namespace

std::map<std::string, std::string> files(const Written& w) {
  const std::string& name = w.options.name;
  std::map<std::string, std::string> out{{name + ".h", header_file(w)},
                                         {name + "_tables.h", tables_file(w)},
                                         {name + ".c", source_file(w)},
                                         {name + "_trace.h", trace_file(w)},
                                         {name + "_names.h", names_file(w)},
                                         {name + "_sums.h", sums_file(w)},
                                         {"main.c", fill(kMain, w.program.prefix)},
                                         {"Makefile", makefile(w)},
                                         {"manifest.json", manifest_file(w)}};
  if (w.options.selftest > 0) out["selftest.c"] = selftest_file(w);
  if (w.options.arduino) out.merge(arduino_files(w, out));
  return out;
}

}  // namespace tern::c99

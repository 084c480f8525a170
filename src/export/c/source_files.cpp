// net.h, net_tables.h, net.c, net_trace.h.
#include <algorithm>

#include "export/c/files.hpp"

namespace tern::c99 {
namespace {

std::string origin(const Written& w) { return w.options.source.empty() ? "" : " of " + w.options.source; }

// Where a node's memory is, as an argument of a step's function.
std::string place_of(const Program& p, std::size_t node) {
  const Value& v = p.values[node];
  if (v.layout == Layout::kImage) return "image";
  const std::size_t memory = p.memory[node];
  if (memory == p.result) return "scores";
  const auto step = std::find_if(p.steps.begin(), p.steps.end(), [&](const Step& s) { return s.last() == memory; });
  return fmt::format("{}_AT({}, {})", p.prefix.upper, v.element(), step->offset);
}

std::string result_of(const Program& p, const Step& step) {
  return step.head == p.nodes.size() || step.last() == p.result ? "scores" : place_of(p, step.last());
}

// Helpers that the texts of the steps call, and those that only tracing does.
std::set<std::string> called(const Written& w) {
  std::set<std::string> out;
  for (const StepText& s : w.steps) out.insert(s.helpers.begin(), s.helpers.end());
  return out;
}

bool has_pipeline(const Written& w) {
  return std::any_of(w.steps.begin(), w.steps.end(), [&](const StepText& s) {
    return s.code.text().find(w.program.prefix.upper + "_PIPELINE") != std::string::npos;
  });
}

const char* const kSingle = R"c(
/* Sums of floats are those of the trained network bit for bit: every operation rounds to single precision, which casts and
   assignments make sure of where floats are evaluated as doubles, and none is fused. x87 arithmetic is refused. GCC without
   -std=c99 needs -ffp-contract=off, which this asks for as well. */
#if defined(__FLT_EVAL_METHOD__) && ((__FLT_EVAL_METHOD__ < 0) || (__FLT_EVAL_METHOD__ == 2))
#error "floats must not be evaluated in extended precision (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
)c";

const char* const kRun = R"(
#define @@_AT(type, offset) ((type *)(void *)(bytes + (offset)))
)";

const char* const kClass = R"(
int32_t @_class(const @_score *scores) {
    int32_t best = 0;
    for (int32_t i = 1; i < @@_SCORES; i++) {
        const int first_number = (scores[best] != scores[best]) && (scores[i] == scores[i]);
        if ((scores[i] > scores[best]) || first_number) {
            best = i;
        }
    }
    return best;
}
)";

const char* const kWholeClass = R"(
int32_t @_class(const @_score *scores) {
    int32_t best = 0;
    for (int32_t i = 1; i < @@_SCORES; i++) {
        if (scores[i] > scores[best]) {
            best = i;
        }
    }
    return best;
}
)";

// How tables are read by their access macros: on AVR, elsewhere.
struct Access {
  const char *name, *from_flash;
};
constexpr Access kAccess[] = {
    {"I8", "((int8_t)pgm_read_byte(&(table)[i]))"},
    {"I16", "((int16_t)pgm_read_word(&(table)[i]))"},
    {"I32", "((int32_t)pgm_read_dword(&(table)[i]))"},
    {"I64", "((int64_t)@@_DWORDS(&(table)[i]))"},
    {"U8", "pgm_read_byte(&(table)[i])"},
    {"U16", "pgm_read_word(&(table)[i])"},
    {"U32", "pgm_read_dword(&(table)[i])"},
    {"U64", "@@_DWORDS(&(table)[i])"},
    {"F32", "pgm_read_float(&(table)[i])"},
};

std::string access_macros(const std::vector<const Table*>& tables) {
  std::string avr, others;
  const auto define = [](const char* name, const std::string& as) {
    return "#define @@_" + std::string(name) + "(table, i) " + as + "\n";
  };
  for (const Access& a : kAccess) {
    if (std::none_of(tables.begin(), tables.end(), [&](const Table* t) { return t->access == a.name; })) continue;
    const std::string from_flash = a.from_flash;
    if (from_flash.find("DWORDS") != std::string::npos && avr.find("@@_DWORDS(at)") == std::string::npos) {
      avr +=
          "#define @@_DWORDS(at) ((uint64_t)pgm_read_dword(at) | ((uint64_t)pgm_read_dword((const uint8_t *)(at) + 4) "
          "<< 32))\n";
    }
    avr += define(a.name, from_flash);
    others += define(a.name, "((table)[i])");
  }
  return "/* Where tables lie and how they are read: AVR keeps constants in memory unless told otherwise. */\n"
         "#if defined(__AVR__)\n#include <avr/pgmspace.h>\n#define @@_TABLE PROGMEM\n" +
         avr + "#else\n#define @@_TABLE\n" + others + "#endif\n";
}

// In the order of the file.
std::vector<const Table*> tables_of(const Written& w) {
  std::vector<const Table*> out;
  for (const Table& t : w.program.image_tables) out.push_back(&t);
  for (const StepText& s : w.steps) {
    for (const Table& t : s.tables) out.push_back(&t);
  }
  return out;
}

// What a score is.
std::string score_type(const Program& p) {
  if (!p.unit) return "typedef float @_score;\n#define @@_REAL(score) (score)\n";
  return fmt::format(
      "/* A whole number of 2^{0}, and no float anywhere: @@_REAL makes one, the score of the trained network to the "
      "bit. */\n"
      "typedef int64_t @_score;\n#define @@_SCORE_EXPONENT ({0})\n#define @@_REAL(score) ((float)(score) * 0x1p{0}f)\n",
      *p.unit);
}

}  // namespace

std::string fill(std::string text, const Prefix& prefix) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '@')
      out += text[at];
    else if (text.compare(at, 2, "@@") == 0)
      out += prefix.upper, ++at;
    else
      out += prefix.lower;
  }
  return out;
}

std::string header_file(const Written& w) {
  const Program& p = w.program;
  const Shape image = p.nodes[0].type.shape;
  return fill(
      fmt::format(
          R"(/* @: the network{} in C99, written by tern export. Reentrant: no memory but what the caller hands over. */
#ifndef @@_H
#define @@_H

#include <stddef.h>
#include <stdint.h>

#define @@_CHANNELS {}
#define @@_HEIGHT {}
#define @@_WIDTH {}
#define @@_IMAGE_BYTES {} /* channel after channel, row after row */
#define @@_SCORES {}

/* What a call works in: at least so many bytes, at an address that is a multiple of @@_ARENA_ALIGN. */
#define @@_ARENA_BYTES {}
#define @@_ARENA_ALIGN {}

{}
#ifdef __cplusplus
extern "C" {{
#endif

typedef union {{
    uint{}_t align;
    unsigned char bytes[@@_ARENA_BYTES];
}} @_arena;

extern const size_t @_arena_bytes; /* @@_ARENA_BYTES */

/* image: @@_IMAGE_BYTES. arena: its contents before and after mean nothing. scores: @@_SCORES numbers. */
void @_run(const uint8_t *image, void *arena, @_score *scores);

/* Index of the largest score, the lowest one of equals. */
int32_t @_class(const @_score *scores);

#ifdef __cplusplus
}}
#endif

#endif
)",
          origin(w), image[0], image[1], image[2], image.numel(), p.nodes.back().type.numel(),
          std::max<i64>(p.arena_bytes, 1), p.max_word / 8, score_type(p), p.max_word),
      p.prefix);
}

std::string tables_file(const Written& w) {
  const Prefix& prefix = w.program.prefix;
  const std::vector<const Table*> tables = tables_of(w);
  std::string out =
      fill("/* The constants of @. */\n#ifndef @@_TABLES_H\n#define @@_TABLES_H\n\n#include <stdint.h>\n\n" +
               access_macros(tables),
           prefix);
  for (const Table* t : tables) out += "\n" + t->definition(prefix);
  return out + "\n#endif\n";
}

std::string source_file(const Written& w) {
  const Program& p = w.program;
  std::string out = fill("/* @: the network" + origin(w) +
                             ". One function a step; @_run at the end calls them in turn. */\n#include "
                             "\"@.h\"\n\n#include \"@_tables.h\"\n",
                         p.prefix);
  if (!p.unit) out += kSingle;
  if (has_pipeline(w)) {
    out += fill(
        "\n/* Inner loops, for high-level synthesis. */\n#ifdef @@_HLS\n#define @@_PIPELINE _Pragma(\"HLS "
        "PIPELINE\")\n#else\n"
        "#define @@_PIPELINE\n#endif\n",
        p.prefix);
  }
  out += fill(fmt::format("\ntypedef uint{}_t @_word; /* of channels: one bit each */\n\n", p.max_word), p.prefix);
  for (const std::string& helper : called(w)) out += helper_definition(p.prefix, helper, p.max_word) + "\n";
  for (const StepText& s : w.steps) out += s.code.text() + "\n";
  out += fill(
      "#ifdef @@_TRACE /* shows the values of every step */\n#include \"@_trace.h\"\n#define @@_SEE(call) "
      "call\n#else\n#define @@_SEE(call) ((void)0)\n#endif\n",
      p.prefix);
  out += fill(kRun, p.prefix);
  out += fill(
      "\nconst size_t @_arena_bytes = @@_ARENA_BYTES;\n\nvoid @_run(const uint8_t *image, void *arena, @_score "
      "*scores) "
      "{\n",
      p.prefix);
  Code body(1);
  const bool uses_arena = p.arena_bytes > 0;
  body.line("{}", uses_arena ? "unsigned char *const bytes = (unsigned char *)arena;" : "(void)arena;");
  bool image = false;
  for (std::size_t s = 0; s < p.steps.size(); ++s) {
    std::string arguments;
    for (const std::size_t in : p.inputs(p.steps[s])) {
      arguments += place_of(p, in) + ", ";
      image |= p.values[in].layout == Layout::kImage;
    }
    const std::string to = result_of(p, p.steps[s]);
    body.line("{}({}{});", p.name(p.steps[s]), arguments, to);
    body.line("{}_SEE({}_see({}));", p.prefix.upper, p.name(p.steps[s]), to);
  }
  if (!image) body.line("(void)image;");
  return out + body.text() + "}\n" + fill(p.unit ? kWholeClass : kClass, p.prefix);
}

std::string trace_file(const Written& w) {
  const Program& p = w.program;
  std::set<std::string> helpers;
  Code functions;
  for (std::size_t s = 0; s < p.steps.size(); ++s) {
    const bool scores = p.steps[s].head == p.nodes.size() || p.steps[s].last() == p.result;
    const Value value =
        scores ? stored(infer::ValueType{p.nodes.back().type.shape}, p.max_word) : p.values[p.steps[s].last()];
    const Operand y(p.prefix, value, "y", helpers);
    functions.open("static void {}_see(const {} *y)", p.name(p.steps[s]), scores ? p.score() : value.element());
    {
      const Loop o(functions, "o", value.channels());
      const Loop i(functions, "i", value.pixels());
      const bool codes = value.type.is_codes();
      const std::string number = codes ? y.code(o.at, i.at) : y.real(o.at, i.at);
      functions.line("{}_trace_{}({}, {});", p.prefix.lower, codes ? "code" : "real", s,
                     scores ? fmt::format("{}_REAL({})", p.prefix.upper, number) : number);
    }
    functions.close();
    functions.blank();
  }
  std::string out = fill(
      "/* With @@_TRACE defined, @_run hands every value of every step, in the order of channels, rows and\n   "
      "columns, to two functions that you write. */\nvoid @_trace_code(int32_t step, int32_t code);\nvoid "
      "@_trace_real(int32_t step, float value);\n\n",
      p.prefix);
  const std::set<std::string> known = called(w);
  for (const std::string& helper : helpers) {
    if (!known.contains(helper)) out += helper_definition(p.prefix, helper, p.max_word) + "\n";
  }
  return out + functions.text();
}

}  // namespace tern::c99

// selftest.c: images of noise that a generator makes again on the device, and what must come out.
#include "export/c/expected.hpp"
#include "export/c/files.hpp"

namespace tern::c99 {
namespace {

const char* const kSelftest =
    R"(/* Self-test: images of noise, the bits of their scores, and the checksum of the values of every step, as tern's reference
   runtime computes them. Compile with @@_TRACE, call @_selftest(). It keeps its state in static variables. */
#include "@.h"

#include "@_sums.h"

#define @@_IMAGES {0}
static const uint32_t expected_scores[@@_IMAGES][@@_SCORES] = {{
{1}
}};
static const uint32_t expected_sums[@@_IMAGES][@@_STEPS] = {{
{2}
}};

static @_arena arena;
static uint8_t image[@@_IMAGE_BYTES];
static @_score scores[@@_SCORES];
static uint32_t sums[@@_STEPS];

void @_trace_code(int32_t step, int32_t code) {{
    @_sum_code(&sums[step], code);
}}

void @_trace_real(int32_t step, float value) {{
    @_sum_real(&sums[step], value);
}}

static void make_image(uint32_t state) {{
    int32_t i;
    for (i = 0; i < @@_IMAGE_BYTES; i++) {{
        state = (state * 1664525u + 1013904223u) & 0xffffffffu;
        image[i] = (uint8_t)(state >> 24);
    }}
}}

/* 0: everything is as expected. n > 0: values of step n - 1 (@_step_names) differ. -1: scores differ. */
int32_t @_selftest(void);
int32_t @_selftest(void) {{
    int32_t n, i;
    for (n = 0; n < @@_IMAGES; n++) {{
        make_image((uint32_t)n + 1u);
        memset(sums, 0, sizeof sums);
        @_run(image, &arena, scores);
        for (i = 0; i < @@_STEPS; i++) {{
            if (sums[i] != expected_sums[n][i]) {{
                return i + 1;
            }}
        }}
        for (i = 0; i < @@_SCORES; i++) {{
            if (@_bits(@@_REAL(scores[i])) != expected_scores[n][i]) {{
                return -1;
            }}
        }}
    }}
    return 0;
}}

#ifdef @@_SELFTEST_MAIN
#include <stdio.h>
int main(void) {{
    const int32_t wrong = @_selftest();
    if (wrong == 0) {{
        printf("self-test: %d images, every value as expected\n", @@_IMAGES);
    }} else {{
        printf("self-test: %s differs\n", (wrong > 0) ? @_step_names[wrong - 1] : "scores");
    }}
    return (wrong == 0) ? 0 : 1;
}}
#endif
)";

std::vector<std::uint8_t> noise(std::uint32_t state, i64 bytes) {
  std::vector<std::uint8_t> out;
  for (i64 i = 0; i < bytes; ++i) {
    state = state * 1664525u + 1013904223u;
    out.push_back(static_cast<std::uint8_t>(state >> 24));
  }
  return out;
}

std::string row(const std::vector<std::uint32_t>& values) {
  std::string out = "    {";
  for (const std::uint32_t v : values) out += fmt::format("0x{:08x}u, ", v);
  out.resize(out.size() - 2);
  return out + "},\n";
}

}  // namespace

std::string selftest_file(const Written& w) {
  Expectation expect(w.program.model, nodes_of(w.figures));
  std::string scores, sums;
  for (int n = 0; n < w.options.selftest; ++n) {
    const CSums e = expect.of(noise(static_cast<std::uint32_t>(n) + 1, w.figures.image_bytes));
    scores += row(e.scores);
    sums += row(e.steps);
  }
  scores.resize(scores.size() - 2);
  sums.resize(sums.size() - 2);
  return fill(fmt::format(fmt::runtime(kSelftest), w.options.selftest, scores, sums), w.program.prefix);
}

}  // namespace tern::c99

// export_c: forms for every step, figures, budgets, files.
#include "tern/export.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "core/names.hpp"
#include "export/c/files.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

using c99::Form;
using c99::i64;
using c99::Program;
using c99::Step;
using c99::StepText;

void expect_options(const CExportOptions& o) {
  const bool identifier = !o.name.empty() && std::islower(static_cast<unsigned char>(o.name[0])) &&
                          std::all_of(o.name.begin(), o.name.end(),
                                      [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_'; });
  if (!identifier)
    throw ValueError("[export] expected a name of lower-case letters, digits and _, beginning with a letter; got \"" +
                     o.name + "\"");
  if (o.words != 32 && o.words != 64)
    throw ValueError("[export] expected words of 32 or 64 bits; got " + std::to_string(o.words));
  const std::vector<std::string> known{"bits", "base3"};
  if (!o.form.empty() && std::find(known.begin(), known.end(), o.form) == known.end())
    throw ValueError("[export] " + unknown_name("form", o.form, known));
  if (o.selftest < 0 || o.selftest > 1000)
    throw ValueError("[export] expected 0 to 1000 images of the self-test; got " + std::to_string(o.selftest));
}

i64 bytes_of(const std::vector<c99::Table>& tables) {
  return std::accumulate(tables.begin(), tables.end(), i64{0},
                         [](i64 sum, const c99::Table& t) { return sum + t.bytes; });
}

// Measured over the tests' networks with arm-none-eabi-gcc -Os -mcpu=cortex-m3: a step takes 100 to 350 bytes.
constexpr i64 kCodeBase = 400, kCodeStep = 220;

Form preferred(const Program& p, const Step& step, const std::string& wanted) {
  const std::vector<Form> can = c99::forms(p, step);
  const auto it = std::find_if(can.begin(), can.end(), [&](Form f) { return c99::name_of(f) == wanted; });
  return it == can.end() ? can.front() : *it;
}

// Steps from the one whose weights save most flash for each operation that base 3 costs more, until `most` suffices.
void shrink(const Program& p, std::vector<StepText>& texts, i64 excess) {
  struct Change {
    std::size_t step;
    StepText text;
    i64 saved;
    double cost;
  };
  std::vector<Change> changes;
  for (std::size_t s = 0; s < p.steps.size(); ++s) {
    if (preferred(p, p.steps[s], "base3") != Form::kBase3) continue;
    StepText text = c99::write_step(p, p.steps[s], Form::kBase3);
    const i64 saved = bytes_of(texts[s].tables) - bytes_of(text.tables);
    const double cost = text.operations - texts[s].operations;
    if (saved > 0) changes.push_back({s, std::move(text), saved, cost / static_cast<double>(saved)});
  }
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.cost < b.cost; });
  for (Change& c : changes) {
    if (excess <= 0) return;
    texts[c.step] = std::move(c.text);
    excess -= c.saved;
  }
}

CStep figures(const Program& p, const Step& step, const StepText& text) {
  CStep out;
  out.form = text.form;
  out.flash = bytes_of(text.tables);
  out.operations = text.operations;
  if (step.head == p.nodes.size()) {
    out.nodes = "scores";
    out.values = p.nodes.back().type.numel();
    out.result = "real " + p.nodes.back().type.shape.str();
    return out;
  }
  const c99::Value& value = p.values[step.last()];
  out.node = p.nodes[step.last()].graph->name;
  out.nodes = p.nodes[step.head].graph->name;
  for (const std::size_t i : step.chain) out.nodes += " + " + p.nodes[i].graph->name;
  out.values = value.type.numel();
  out.result = value.description();
  out.ram = step.last() == p.result ? 0 : value.bytes();
  return out;
}

void expect_budget(const CExport& e, const CExportOptions& o) {
  const auto refuse = [&](const std::string& what, i64 needs, std::uint64_t limit) {
    throw BudgetError(fmt::format("[export] the network needs {} bytes of {}, more than {}", needs, what, limit),
                      e.table());
  };
  if (o.max_flash > 0 && static_cast<std::uint64_t>(e.flash()) > o.max_flash) refuse("flash", e.flash(), o.max_flash);
  if (o.max_ram > 0 && static_cast<std::uint64_t>(e.ram()) > o.max_ram) refuse("RAM", e.ram(), o.max_ram);
}

}  // namespace

std::string CExport::table() const {
  std::string out =
      fmt::format("{:<40} {:<6} {:>9} {:>9} {:>12}  {}\n", "step", "form", "flash", "RAM", "operations", "result");
  for (const CStep& s : steps)
    out += fmt::format("{:<40} {:<6} {:>9} {:>9} {:>12.0f}  {}\n", s.nodes, s.form, s.flash, s.ram, s.operations,
                       s.result);
  out += fmt::format("flash {}: tables {}, code about {}\n", flash(), table_bytes, code_bytes);
  out += fmt::format("RAM {}: arena {}, image {}, scores {}\n", ram(), arena_bytes, image_bytes, score_bytes);
  return out;
}

CExport export_c(const packed::Model& model, const CExportOptions& options) {
  expect_options(options);
  const Program p = c99::plan(model, options.name, options.words);
  std::vector<StepText> texts;
  for (const Step& step : p.steps) texts.push_back(c99::write_step(p, step, preferred(p, step, options.form)));

  CExport e;
  e.arena_bytes = p.arena_bytes;
  e.image_bytes = p.nodes[0].type.numel();
  e.score_bytes = (p.unit ? 8 : 4) * p.nodes.back().type.numel();
  e.code_bytes = kCodeBase + kCodeStep * static_cast<i64>(p.steps.size());
  const auto measure = [&] {
    e.steps.clear();
    e.table_bytes = bytes_of(p.image_tables);
    for (std::size_t s = 0; s < p.steps.size(); ++s) {
      e.steps.push_back(figures(p, p.steps[s], texts[s]));
      e.table_bytes += e.steps.back().flash;
    }
  };
  measure();
  if (options.form.empty() && options.max_flash > 0) {
    shrink(p, texts, e.flash() - static_cast<i64>(options.max_flash));
    measure();
  }
  expect_budget(e, options);

  e.files = c99::files({p, texts, options, e});
  return e;
}

}  // namespace tern

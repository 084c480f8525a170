// tern draw: pictures of a genotype's cells, or of the learning curves of runs.
#include <fmt/core.h>

#include <filesystem>

#include "console.hpp"
#include "files/write.hpp"
#include "tern/error.hpp"
#include "tern/search.hpp"

namespace tern::cli {
namespace {

struct DrawOptions {
  Common common;
  std::vector<std::string> inputs, labels;
  std::string out;
  bool curves = false;
};

// `kind`: svg or dot.
void write_or_print(const DrawOptions& o, const char* kind, const std::string& picture) {
  if (!o.out.empty()) write_file_atomically(o.out, picture);
  if (o.common.json)
    print_json(o.out.empty() ? nlohmann::ordered_json{{kind, picture}} : nlohmann::ordered_json{{"out", o.out}});
  else if (o.out.empty())
    print_out("{}", picture);
}

void draw_genotype(const DrawOptions& o) {
  if (!o.labels.empty()) throw ValidationError("--label", "needs --curves");
  if (o.inputs.size() != 1) throw ValidationError("GENOTYPE", "one at a time; several runs with --curves");
  const nas::Genotype g = nas::Genotype::load(o.inputs[0]);
  const bool svg = o.out.ends_with(".svg");
  if (!o.out.empty() && !svg && !o.out.ends_with(".dot"))
    throw ValidationError("--out", "expected a name ending in .svg or .dot");
  write_or_print(o, svg ? "svg" : "dot", svg ? nas::genotype_svg(g) : nas::genotype_dot(g));
}

void draw_curves(const DrawOptions& o) {
  if (!o.labels.empty() && o.labels.size() != o.inputs.size()) throw ValidationError("--label", "expected one a run");
  if (!o.out.empty() && !o.out.ends_with(".svg"))
    throw ValidationError("--out", "expected a name ending in .svg for curves");
  std::vector<std::string> labels = o.labels;
  if (labels.empty()) {
    for (const std::string& run : o.inputs) labels.push_back(std::filesystem::path(run).filename().string());
  }
  write_or_print(o, "svg", run_curves_svg(o.inputs, labels));
}

}  // namespace

void add_draw(App& app) {
  auto o = std::make_shared<DrawOptions>();
  App* verb = app.add_subcommand("draw", "Draw both cells of a genotype (DOT, SVG), or learning curves of runs (SVG)");
  verb->add_option("GENOTYPE", o->inputs, "Genotype file; with --curves: run directories")->required();
  verb->add_flag("--curves", o->curves, "Draw accuracy and loss over epochs of the runs");
  verb->add_option("--label", o->labels, "With --curves: a name for each run, in order");
  verb->add_option("--out,-o", o->out,
                   "File to write, .svg or .dot; default: DOT, or the curves' SVG, to standard output");
  verb->examples({"tern draw runs/search/genotype-best.json --out cells.svg",
                  "tern draw --curves runs/first runs/second --out curves.svg"});
  add_common(*verb, o->common);
  verb->callback([o] { o->curves ? draw_curves(*o) : draw_genotype(*o); });
}

}  // namespace tern::cli

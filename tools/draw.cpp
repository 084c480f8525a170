// tern draw: pictures of a genotype's cells, or of the learning curves of runs.
#include <fmt/core.h>

#include <filesystem>

#include "console.hpp"
#include "core/file.hpp"
#include "tern/error.hpp"
#include "tern/search.hpp"

namespace tern::cli {
namespace {

struct Options {
  Common common;
  std::vector<std::string> inputs, labels;
  std::string out;
  bool curves = false;
};

// `kind`: svg or dot.
void write_or_print(const Options& o, const char* kind, const std::string& picture) {
  if (!o.out.empty()) write_file_atomically(o.out, picture);
  if (o.common.json)
    print_json(o.out.empty() ? nlohmann::ordered_json{{kind, picture}} : nlohmann::ordered_json{{"out", o.out}});
  else if (o.out.empty())
    fmt::print("{}", picture);
}

void draw_genotype(const Options& o) {
  if (!o.labels.empty()) throw ValidationError("--label", "needs --curves");
  if (o.inputs.size() != 1) throw ValidationError("GENOTYPE", "one at a time; several runs with --curves");
  const nas::Genotype g = nas::Genotype::load(o.inputs[0]);
  const bool svg = o.out.ends_with(".svg");
  if (!o.out.empty() && !svg && !o.out.ends_with(".dot"))
    throw ValidationError("--out", "expected a name ending in .svg or .dot");
  write_or_print(o, svg ? "svg" : "dot", svg ? nas::genotype_svg(g) : nas::genotype_dot(g));
}

void draw_curves(const Options& o) {
  if (!o.labels.empty() && o.labels.size() != o.inputs.size()) throw ValidationError("--label", "expected one a run");
  if (!o.out.empty() && !o.out.ends_with(".svg"))
    throw ValidationError("--out", "expected a name ending in .svg for curves");
  std::vector<Curve> curves;
  for (std::size_t i = 0; i < o.inputs.size(); ++i) {
    const std::string name = std::filesystem::path(o.inputs[i]).filename().string();
    curves.push_back(accuracy_curve(o.inputs[i], o.labels.empty() ? name : o.labels[i]));
  }
  write_or_print(o, "svg", curves_svg(curves, "accuracy", "epoch", "accuracy, %"));
}

}  // namespace

void add_draw(App& app) {
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand("draw", "Draw both cells of a genotype (DOT, SVG), or learning curves of runs (SVG)");
  verb->add_option("GENOTYPE", o->inputs, "Genotype file; with --curves: run directories")->required();
  verb->add_flag("--curves", o->curves, "Draw accuracy over epochs of the runs");
  verb->add_option("--label", o->labels, "With --curves: a name for each run, in order");
  verb->add_option("--out", o->out,
                   "File to write, .svg or .dot; default: DOT, or the curves' SVG, to standard output");
  add_common(*verb, o->common);
  verb->callback([o] { o->curves ? draw_curves(*o) : draw_genotype(*o); });
}

}  // namespace tern::cli

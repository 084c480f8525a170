// tern bench layers: every kernel family and its rivals on single convolutions, in turns, on one thread.
#include "bench_layers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "console.hpp"
#include "rivals.hpp"
#include "tern/error.hpp"
#include "tern/layer_bench.hpp"
#include "tern/parallel.hpp"

namespace tern::cli {
namespace {

using infer::LayerProblem;
using infer::LayerTiming;

struct BenchLayersOptions {
  Common common;
  std::vector<std::string> shapes;
  std::string set = "standard", acts = "ternary";
  double nonzero = 2.0 / 3, seconds = 0.5;
  int rounds = 5;
};

// Codes of the input and largest weight. 2-bit weights are two binary digits, four products of planes with 2-bit
// inputs.
void set_codes(LayerProblem& p, const std::string& acts, double nonzero) {
  p.nonzero = nonzero;
  if (acts == "binary")
    p.lo = 0, p.hi = 1, p.nonzero = 1;
  else if (acts == "unsigned")
    p.lo = 0, p.hi = 2;
  else if (acts == "2-bit")
    p.lo = 0, p.hi = 3, p.max_weight = 3, p.nonzero = 1;
  else if (acts != "ternary")
    throw ValueError("[bench layers] unknown codes \"" + acts + "\"; known ones: binary, ternary, unsigned, 2-bit");
}

std::vector<LayerProblem> problems(const BenchLayersOptions& o) {
  std::vector<LayerProblem> list;
  for (const std::string& shape : o.shapes) list.push_back(infer::parse_layer(shape));
  if (o.set != "standard" && o.set != "odd" && o.set != "relations") {
    throw ValidationError("--set", "expected standard, odd or relations; got " + o.set);
  }
  if (list.empty()) list = o.set == "odd" ? infer::odd_layers() : infer::standard_layers();
  for (LayerProblem& p : list) set_codes(p, o.acts, o.nonzero);
  return list;
}

double geometric_mean(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += std::log(x);
  return std::exp(sum / static_cast<double>(v.size()));
}

nlohmann::ordered_json to_json(const LayerProblem& p, const LayerTiming& t) {
  nlohmann::ordered_json j = {{"kernel", t.kernel},
                              {"median_us", t.median_us},
                              {"best_us", t.best_us},
                              {"pack_median_us", t.pack_median_us},
                              {"gmacs_per_second", static_cast<double>(p.macs()) / t.best_us / 1e3}};
  if (t.ceiling_us > 0) j["share_of_ceiling"] = t.ceiling_us / t.best_us;
  return j;
}

// One race a layer; ratios are medians of int8 (or, without oneDNN, of the float kernel) over those of the row.
void bench_layers(const BenchLayersOptions& o) {
  const Isa isa = active_isa();
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, std::vector<double>> ratios;  // "kernel against rival"
  for (const LayerProblem& p : problems(o)) {
    Progress progress(o.common);
    progress.show("measuring " + infer::name_of(p), true);
    std::vector<infer::Contender> all = infer::layer_contenders(p, isa);
    const std::size_t own = all.size();
    for (auto& c : float_rivals(p)) all.push_back(std::move(c));
    for (auto& c : onednn_rivals(p)) all.push_back(std::move(c));
    const std::vector<LayerTiming> timings = infer::race(all, o.rounds, o.seconds);
    progress.clear();
    nlohmann::ordered_json layer = {
        {"shape", infer::name_of(p)}, {"macs", p.macs()}, {"kernels", nlohmann::ordered_json::array()}};
    for (std::size_t i = 0; i < timings.size(); ++i) {
      const LayerTiming& t = timings[i];
      layer["kernels"].push_back(to_json(p, t));
      rows.push_back({i == 0 ? infer::name_of(p) : "", t.kernel, fmt::format("{:.1f}", t.best_us),
                      fmt::format("{:.1f}", t.median_us), fmt::format("{:.1f}", t.median_us + t.pack_median_us),
                      fmt::format("{:.0f}", static_cast<double>(p.macs()) / t.best_us / 1e3),
                      t.ceiling_us > 0 ? percent_text(t.ceiling_us / t.best_us) : "",
                      fmt::format("{:.2f}", timings.back().median_us / t.median_us)});
      for (std::size_t r = 0; i < own && r < timings.size(); ++r) {
        if (r != i) ratios[t.kernel + " against " + timings[r].kernel].push_back(timings[r].median_us / t.median_us);
      }
    }
    json.push_back(std::move(layer));
  }
  nlohmann::ordered_json means;
  std::vector<std::vector<std::string>> mean_rows;
  for (const auto& [what, values] : ratios) {
    const auto ends = std::minmax_element(values.begin(), values.end());
    means[what] = {{"geometric_mean", geometric_mean(values)}, {"lowest", *ends.first}, {"highest", *ends.second}};
    mean_rows.push_back({what, fmt::format("{:.2f}", geometric_mean(values)), fmt::format("{:.2f}", *ends.first),
                         fmt::format("{:.2f}", *ends.second)});
  }
  if (o.common.json) {
    print_json({{"isa", name_of(isa)}, {"acts", o.acts}, {"nonzero", o.nonzero}, {"layers", json}, {"ratios", means}});
    return;
  }
  print_out("{} codes, one thread, batch 1, {}; microseconds\n{}\nmedian time of the second over that of the first\n{}",
            o.acts, name_of(isa),
            table({"shape", "kernel", "best", "median", "with packing", "GMAC/s", "of ceiling", "speed-up"}, rows),
            table({"kernels", "mean", "lowest", "highest"}, mean_rows));
}

// FATNN's relations on the K-packed kernels: binary, ternary and 2-bit of one shape in one race, and ternary in FATNN's
// own interleaved words with the mask derived (D) and loaded (P).
void bench_relations(const BenchLayersOptions& o) {
  const Isa isa = active_isa();
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const LayerProblem& base : problems(o)) {
    std::vector<infer::Contender> all;
    for (const char* acts : {"binary", "ternary", "2-bit"}) {
      LayerProblem p = infer::parse_layer(infer::name_of(base));
      set_codes(p, acts, o.nonzero);
      for (auto& c : infer::layer_contenders(p, isa)) {
        if (c.kernel.starts_with("kpacked")) all.push_back(std::move(c));
      }
    }
    LayerProblem ternary = infer::parse_layer(infer::name_of(base));
    set_codes(ternary, "ternary", o.nonzero);
    for (auto& c : infer::codec_contenders(ternary, isa)) all.push_back(std::move(c));
    const auto t = infer::race(all, o.rounds, o.seconds);
    const auto whole = [&](std::size_t i) { return t[i].median_us + t[i].pack_median_us; };
    const double slow = t[1].median_us / t[0].median_us, gain = t[2].median_us / t[1].median_us;
    const bool codec = t.size() == 5;
    const auto codec_text = [&](std::size_t i) {
      return codec ? fmt::format("{:.1f}", t[i].median_us) : std::string();
    };
    rows.push_back({infer::name_of(base), fmt::format("{:.1f}", t[0].median_us), fmt::format("{:.1f}", t[1].median_us),
                    codec_text(3), codec_text(4), fmt::format("{:.1f}", t[2].median_us), fmt::format("{:.2f}", slow),
                    fmt::format("{:.2f}", gain), fmt::format("{:.2f}", whole(1) / whole(0)),
                    fmt::format("{:.2f}", whole(2) / whole(1))});
    json.push_back({{"shape", infer::name_of(base)},
                    {"binary_us", t[0].median_us},
                    {"ternary_us", t[1].median_us},
                    {"two_bit_us", t[2].median_us},
                    {"ternary_over_binary", slow},
                    {"two_bit_over_ternary", gain},
                    {"ternary_over_binary_with_packing", whole(1) / whole(0)},
                    {"two_bit_over_ternary_with_packing", whole(2) / whole(1)}});
    if (codec) json.back()["ternary_d_us"] = t[3].median_us, json.back()["ternary_p_us"] = t[4].median_us;
  }
  if (o.common.json)
    print_json({{"isa", name_of(isa)}, {"relations", json}});
  else
    print_out("K-packed kernels, one thread, batch 1, {}; median microseconds\n{}", name_of(isa),
              table({"shape", "binary", "ternary", "ternary D", "ternary P", "2-bit", "ternary/binary", "2-bit/ternary",
                     "with packing", "with packing"},
                    rows));
}

}  // namespace

void add_bench_layers(App& bench) {
  auto o = std::make_shared<BenchLayersOptions>();
  App* verb = bench.add_subcommand(
      "layers", "Single convolutions: all kernel families, OpenBLAS, and oneDNN if the build has it");
  verb->add_option("--shape", o->shapes, "CHANNELSxSIZE[xOUTPUTS] and any of kN sN pN dN; may be repeated")
      ->delimiter(',');
  verb->add_option("--set", o->set,
                   "Shapes without --shape: standard (the seven of FATNN), odd, or relations (FATNN's, on the seven)")
      ->capture_default_str();
  verb->add_option("--acts", o->acts, "Codes: binary, ternary, unsigned (0, 1, 2) or 2-bit")->capture_default_str();
  verb->add_option("--nonzero", o->nonzero, "Share of ternary weights that are not 0")
      ->check(Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--seconds", o->seconds, "Time for each shape, at least")
      ->check(NonNegativeNumber)
      ->capture_default_str();
  verb->add_option("--rounds", o->rounds, "Turns for each shape, at least")
      ->check(Range(1, 1000000))
      ->capture_default_str();
  verb->examples({"tern bench layers", "tern bench layers --shape 256x14,512x7"});
  add_common(*verb, o->common);
  verb->callback([o, verb] {
    if (o->set == "relations")
      verb->refuse({"--acts"}, "has no effect with --set relations, which measures all of them");
    else if (!o->shapes.empty())
      verb->refuse({"--set"}, "has no effect with --shape");
    if (o->acts == "binary" || o->acts == "2-bit")
      verb->refuse({"--nonzero"}, "has no effect with --acts " + o->acts + ", whose weights are not ternary");
    if (o->common.threads > 1) {
      throw ValidationError("--threads",
                            "layers are measured on one thread; tern bench model --at measures with several");
    }
    set_num_threads(1);
    o->set == "relations" ? bench_relations(*o) : bench_layers(*o);
  });
}

}  // namespace tern::cli

// tern verify: is the packed file the trained network, bit for bit, on every path that this CPU has?
#include <fmt/core.h>

#include <numeric>

#include "console.hpp"
#include "files/crc32.hpp"
#include "files/read.hpp"
#include "run_options.hpp"
#include "tern/convert.hpp"
#include "tern/cpu.hpp"
#include "tern/error.hpp"
#include "tern/export.hpp"

namespace tern::cli {
namespace {

struct VerifyOptions {
  Common common;
  RunOptions run;
  std::string file, c;
  double max_work = infer::Options().max_work;
};
constexpr const char* kNewFolder = "(new)";

nlohmann::ordered_json to_json(const VerifyResult& r) {
  nlohmann::ordered_json j{{"isa", r.isa},
                           {"kernel", r.kernel},
                           {"images", r.images},
                           {"same_predictions", r.same_predictions},
                           {"codes", r.codes},
                           {"different_codes", r.different_codes},
                           {"identical", r.identical()}};
  for (const VerifyResult::Node& n : r.nodes) {
    j["nodes"].push_back(
        {{"name", n.name}, {"kind", n.codes ? "codes" : "real"}, {"values", n.values}, {"different", n.different}});
  }
  return j;
}

/// What was compared, as a row for each path.
struct Report {
  std::vector<std::vector<std::string>> rows;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::string first_difference;

  void add(const std::string& path, const VerifyResult& r) {
    for (const VerifyResult::Node& n : r.nodes) {
      if (n.different && first_difference.empty())
        first_difference = fmt::format("path {}, node {}: {} of {} values differ", path, n.name, n.different, n.values);
    }
    if (first_difference.empty() && !r.identical()) {
      first_difference =
          fmt::format("path {}: {} of {} predictions differ", path, r.images - r.same_predictions, r.images);
    }
    json.push_back(to_json(r));
    rows.push_back({path, fmt::format("{} of {}", r.same_predictions, r.images),
                    fmt::format("{} of {}", r.codes - r.different_codes, r.codes), std::to_string(r.nodes.size()),
                    r.identical() ? "yes" : "NO"});
  }
};

/// The C program in the folder, or one that is exported for this.
VerifyResult verify_c(const VerifyOptions& o, const packed::Model& model, const Images& images) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(images.count()));
  std::iota(all.begin(), all.end(), 0);
  const std::uint32_t crc = crc32(read_file(o.file));
  const std::string compiler = environment("CC").empty() ? "cc" : environment("CC");
  Progress progress(o.common);
  const CComparison c =
      compare_c(model, crc, o.c == kNewFolder ? "" : o.c, compiler, kept(select_images(images, all)).pixels,
                [&](std::int64_t done, std::int64_t count) { progress.count("verifying " + compiler, done, count); });
  progress.clear();
  VerifyResult r{"c99", compiler, c.images, c.same_predictions, {}, 0, 0};
  for (const CComparison::Step& s : c.steps) {
    r.nodes.push_back({s.node.empty() ? "scores" : s.node, s.values, s.different, s.codes});
    if (s.codes) r.codes += s.values, r.different_codes += s.different;
  }
  return r;
}

void verify_all(const VerifyOptions& o) {
  expect_packed(o.file);
  TrainedRun run = o.run.load();
  const packed::Model model = packed::read(o.file);
  const TestSet data =
      o.run.test_set(run.config, o.run.run, run.data, run.network.input_shape(), run.network.output_shape().numel());
  Report report;
  for (infer::Options how : infer::every_path()) {
    how.max_work = o.max_work;
    how.threads = 0;
    Progress progress(o.common);
    const std::string path = std::string(name_of(*how.isa)) + (how.kernel.empty() ? "" : "/" + how.kernel);
    const VerifyResult r =
        verify(run.network, model, how, data.images, o.run.batch,
               [&](std::int64_t done, std::int64_t all) { progress.count("verifying " + path, done, all); });
    progress.clear();
    report.add(path, r);
  }
  if (!o.c.empty()) {
    const VerifyResult r = verify_c(o, model, data.images);
    report.add(r.isa + "/" + r.kernel, r);
  }
  const bool identical = report.first_difference.empty();
  if (o.common.json)
    print_json({{"file", o.file}, {"data", data.source}, {"identical", identical}, {"paths", report.json}});
  else if (!o.common.quiet) {
    print_out("{} against {} on {}\n{}", o.file, o.run.run, data.name,
              table({"path", "same predictions", "same codes", "nodes compared", "identical"}, report.rows));
  }
  if (!identical)
    throw Error("[verify] " + o.file + " is not the network of " + o.run.run + ": " + report.first_difference);
}

}  // namespace

void add_verify(App& app) {
  auto o = std::make_shared<VerifyOptions>();
  App* verb =
      app.add_subcommand("verify", "Compare a packed file with the run it came from, code by code, on every path");
  add_run_options(*verb, o->run);
  verb->add_option("FILE", o->file, "Packed file")->required();
  add_max_work(*verb, o->max_work);
  verb->add_option(
          "--c", o->c,
          "Compile the C program in that folder (tern export), or a new one without a folder, with $CC or cc, and "
          "compare it too")
      ->type_name("[DIR]")
      ->bare(kNewFolder);
  verb->examples({"tern verify runs/first net.tern", "tern verify runs/first net.tern --c",
                  "tern verify runs/first net.tern --limit 1000"});
  add_common(*verb, o->common);
  verb->callback([o] { verify_all(*o); });
}

}  // namespace tern::cli

// tern verify: is the packed file the trained network, bit for bit, on every path that this CPU has?
#include <fmt/core.h>

#include "console.hpp"
#include "run_options.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"

namespace tern::cli {
namespace {

struct Options {
  Common common;
  RunOptions run;
  std::string file;
};

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

void verify_all(const Options& o) {
  expect_packed(o.file);
  TrainedRun run = o.run.load();
  const packed::Model model = packed::read(o.file);
  const Dataset data = o.run.data(run.config);
  const Images images = fit_images(data.test, run.network.input_shape());
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  bool identical = true;
  std::string first_difference;
  for (const infer::Options& how : infer::every_path()) {
    Progress progress(o.common);
    const std::string path = std::string(name_of(*how.isa)) + (how.kernel.empty() ? "" : "/" + how.kernel);
    const VerifyResult r =
        verify(run.network, model, how, images, o.run.batch,
               [&](std::int64_t done, std::int64_t all) { progress.count("verifying " + path, done, all); });
    progress.clear();
    identical = identical && r.identical();
    for (const VerifyResult::Node& n : r.nodes) {
      if (n.different && first_difference.empty()) {
        first_difference = fmt::format("path {}, node {}: {} of {} values differ", path, n.name, n.different, n.values);
      }
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
  if (o.common.json)
    print_json({{"file", o.file}, {"data", data.source}, {"identical", identical}, {"paths", json}});
  else if (!o.common.quiet) {
    fmt::print("{} against {} on {}\n{}", o.file, o.run.run, data.name,
               table({"path", "same predictions", "same codes", "nodes compared", "identical"}, rows));
  }
  if (!identical) throw Error("[verify] " + o.file + " is not the network of " + o.run.run + ": " + first_difference);
}

}  // namespace

void add_verify(App& app) {
  auto o = std::make_shared<Options>();
  App* verb =
      app.add_subcommand("verify", "Compare a packed file with the run it came from, code by code, on every path");
  add_run_options(*verb, o->run);
  verb->add_option("FILE", o->file, "Packed file")->required();
  add_common(*verb, o->common);
  verb->callback([o] { verify_all(*o); });
}

}  // namespace tern::cli

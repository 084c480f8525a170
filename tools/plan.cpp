// tern plan: what runs a packed file, step by step, and how long each step takes.
#include <fmt/core.h>

#include "console.hpp"
#include "run_options.hpp"
#include "tern/infer.hpp"

namespace tern::cli {
namespace {

struct PlanOptions {
  Common common;
  std::string file, isa, kernel;
  double seconds = 1, max_work = infer::Options().max_work;
  bool calibrate = false;
};

nlohmann::ordered_json rates_json(const PlanOptions& o, Isa isa) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  if (!o.calibrate) return out;
  for (const infer::WorkRate& r : infer::work_rates(isa)) {
    out.push_back({{"work", r.kind}, {"unit", r.unit}, {"built_in_ns", r.built_in_ns}, {"measured_ns", r.measured_ns}});
  }
  return out;
}

void show_plan(const PlanOptions& o) {
  expect_packed(o.file);
  infer::Options how;
  if (!o.isa.empty()) how.isa = isa_from_name(o.isa);
  how.kernel = o.kernel;
  how.calibrate = o.calibrate;
  how.max_work = o.max_work;
  infer::Session session = infer::Session::load(o.file, how);
  const std::vector<infer::StepInfo> plan = session.plan();
  std::vector<infer::StepTime> times(plan.size());
  if (o.seconds > 0) {
    std::vector<std::uint8_t> image(static_cast<std::size_t>(session.input_shape().numel()));
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i * 2654435761u >> 24);
    times = session.profile(image, 3, o.seconds);
  }
  double total = 0;
  for (const infer::StepTime& t : times) total += t.median_seconds;
  double predicted = 0;
  for (const infer::StepInfo& s : plan) predicted += s.predicted_seconds;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  const auto rate = [](std::int64_t macs, double seconds) {
    return macs > 0 && seconds > 0 ? fmt::format("{:.1f}", static_cast<double>(macs) / seconds / 1e9) : "";
  };
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const infer::StepInfo& s = plan[i];
    const infer::StepTime& t = times[i];
    nlohmann::ordered_json row = {{"nodes", s.nodes},   {"kernel", s.kernel},
                                  {"layout", s.layout}, {"macs", s.macs},
                                  {"bytes", s.bytes},   {"predicted_us", s.predicted_seconds * 1e6}};
    if (o.seconds > 0) row["median_us"] = t.median_seconds * 1e6, row["best_us"] = t.best_seconds * 1e6;
    json.push_back(std::move(row));
    rows.push_back({s.nodes, s.kernel, s.layout, std::to_string(s.bytes),
                    s.macs > 0 ? fmt::format("{:.2f}", static_cast<double>(s.macs) / 1e6) : "",
                    fmt::format("{:.1f}", s.predicted_seconds * 1e6),
                    o.seconds > 0 ? fmt::format("{:.1f}", t.median_seconds * 1e6) : "",
                    total > 0 ? percent_text(t.median_seconds / total) : "", rate(s.macs, t.median_seconds)});
  }
  if (o.common.json) {
    print_json({{"file", o.file},
                {"isa", name_of(session.isa())},
                {"input", session.input_shape().str()},
                {"arena_bytes", session.arena_bytes()},
                {"predicted_us", predicted * 1e6},
                {"total_us", total * 1e6},
                {"steps", json},
                {"rates", rates_json(o, session.isa())}});
    return;
  }
  print_out("{}: {} image on {}, one thread; arena {}{}\n{}", o.file, session.input_shape().str(),
            name_of(session.isa()), bytes_text(session.arena_bytes()),
            total > 0 ? fmt::format("; {:.1f} us a pass, {:.1f} predicted", total * 1e6, predicted * 1e6) : "",
            table({"layers", "kernel", "layout", "bytes", "MMAC", "predicted us", "us", "share", "GMAC/s"}, rows));
  if (!o.calibrate) return;
  std::vector<std::vector<std::string>> rates;
  for (const infer::WorkRate& r : infer::work_rates(session.isa())) {
    rates.push_back({r.kind, r.unit, fmt::format("{:.3f}", r.built_in_ns), fmt::format("{:.3f}", r.measured_ns)});
  }
  print_out("\nnanoseconds a unit of work\n{}", table({"work", "unit", "built in", "measured"}, rates));
}

}  // namespace

void add_plan(App& app) {
  auto o = std::make_shared<PlanOptions>();
  App* verb = app.add_subcommand("plan", "Show the steps that run a packed file: kernel, layout, bytes, measured time");
  verb->add_option("FILE", o->file, "Packed file")->required();
  verb->add_option("--isa", o->isa, "Instruction set; see tern info");
  verb->add_option("--kernel", o->kernel, "Only this kernel family where it can run: reference, kpacked, bitsliced");
  add_max_work(*verb, o->max_work);
  verb->add_flag("--calibrate", o->calibrate,
                 "Plan by kernels measured here instead of by the built-in table, and show both");
  verb->add_option("--seconds", o->seconds, "Time for measuring; 0: do not measure")
      ->check(NonNegativeNumber)
      ->capture_default_str();
  verb->examples({"tern plan net.tern", "tern plan net.tern --isa avx2 --seconds 0"});
  add_common(*verb, o->common);
  verb->callback([o] { show_plan(*o); });
}

}  // namespace tern::cli

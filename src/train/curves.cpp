// Learning curves: read from metrics.jsonl, drawn as SVG.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "draw/chart.hpp"
#include "files/json.hpp"
#include "files/read.hpp"
#include "tern/error.hpp"
#include "tern/search.hpp"

namespace tern {
namespace {

// Value of `pick` in each line of a run's metrics that has one, over the epoch.
template <class Pick>
Curve read_curve(const std::string& run_dir, const std::string& label, const Pick& pick) {
  const std::string path = (std::filesystem::path(run_dir) / "metrics.jsonl").string();
  Curve out{.label = label, .x = {}, .y = {}};
  constexpr double kMaxEpoch = 1 << 24;
  for_each_json_line<nlohmann::json>(read_text_file(path), [&](const nlohmann::json& j, int number) {
    const auto fail = [&](const std::string& why) {
      throw FormatError("[curves] " + path + ", line " + std::to_string(number) + ": " + why);
    };
    try {
      if (!j.is_object()) fail("not a line of a run's metrics");
      const nlohmann::json* value = pick(j);
      if (!value) return;
      const double epoch = j.at("epoch").get<double>(), y = value->get<double>();
      if (!(epoch >= 0 && epoch <= kMaxEpoch)) fail("expected an epoch in 0 .. 2^24");
      out.x.push_back(epoch + 1);
      out.y.push_back(y);
      if (const char* why = pick.wrong(y)) fail(why);
    } catch (const nlohmann::json::exception&) {
      fail("not a line of a run's metrics");
    }
  });
  return out;
}

struct Accuracy {
  const nlohmann::json* operator()(const nlohmann::json& j) const {
    if (j.contains("search_validation_accuracy")) return &j.at("search_validation_accuracy");
    return j.contains("test") ? &j.at("test").at("accuracy") : nullptr;
  }
  static const char* wrong(double share) {
    return share >= 0 && share <= 1 ? nullptr : "expected an accuracy in 0 .. 1";
  }
};

struct Loss {
  const nlohmann::json* operator()(const nlohmann::json& j) const {
    return j.contains("train_loss") ? &j.at("train_loss") : nullptr;
  }
  static const char* wrong(double) { return nullptr; }
};

std::vector<draw::Series> series_of(const std::vector<Curve>& curves) {
  std::vector<draw::Series> out;
  for (const Curve& c : curves) out.push_back({c.label, c.x, c.y});
  return out;
}

}  // namespace

std::string curves_svg(const std::vector<Curve>& curves, const std::string& title, const std::string& x_label,
                       const std::string& y_label) {
  return draw::curve_chart(title, x_label, {{y_label, series_of(curves), draw::Scale::kLinear, false}});
}

Curve accuracy_curve(const std::string& run_dir, const std::string& label) {
  Curve c = read_curve(run_dir, label, Accuracy{});
  for (double& y : c.y) y *= 100;
  return c;
}

Curve loss_curve(const std::string& run_dir, const std::string& label) { return read_curve(run_dir, label, Loss{}); }

std::string run_curves_svg(const std::vector<std::string>& runs, const std::vector<std::string>& labels) {
  if (runs.size() != labels.size()) throw ValueError("[curves] expected a label for each run");
  std::vector<Curve> accuracy, loss;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    accuracy.push_back(accuracy_curve(runs[i], labels[i]));
    loss.push_back(loss_curve(runs[i], labels[i]));
  }
  return draw::curve_chart("accuracy and loss", "epoch",
                           {{"accuracy, %", series_of(accuracy), draw::Scale::kLinear, false},
                            {"training loss", series_of(loss), draw::Scale::kLinear, false}});
}

}  // namespace tern

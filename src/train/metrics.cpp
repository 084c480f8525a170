#include "train/metrics.hpp"

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "files/json.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const EvalResult& r) {
  return {{"accuracy", r.accuracy()},
          {"correct", r.correct},
          {"images", r.images},
          {"loss", r.loss},
          {"seconds", r.seconds}};
}

// A figure that is not finite was written as null.
double number(const ordered_json& j, const char* key) {
  const ordered_json& v = j.at(key);
  return v.is_null() ? std::numeric_limits<double>::quiet_NaN() : v.get<double>();
}

EvalResult eval_of(const ordered_json& j) {
  EvalResult r;
  r.correct = j.at("correct").get<std::int64_t>();
  r.images = j.at("images").get<std::int64_t>();
  r.loss = number(j, "loss");
  r.seconds = number(j, "seconds");
  return r;
}

}  // namespace

std::string metrics_line(const EpochResult& r) {
  ordered_json j{{"epoch", r.epoch},
                 {"train_loss", r.train_loss},
                 {"train_accuracy", r.train_accuracy},
                 {"lr", r.lr},
                 {"seconds", r.seconds},
                 {"images_per_second", r.images_per_second},
                 {"peak_mib", r.peak_mib}};
  if (r.has_validation && r.evaluated) j["validation"] = to_json(r.validation);
  if (r.evaluated) j["test"] = to_json(r.test);
  if (r.freeze) {
    ordered_json f{{"fraction", r.freeze->fraction}, {"relaxed", r.freeze->relaxed}, {"weights", r.freeze->weights}};
    if (r.freeze->validation.images > 0) f["validation"] = to_json(r.freeze->validation);
    if (r.freeze->test.images > 0) f["test"] = to_json(r.freeze->test);
    if (r.freeze->relaxed == 0) f["certified"] = r.freeze->certified;
    j["freeze"] = std::move(f);
  }
  for (const LayerHealth& h : r.health) {
    ordered_json layer{{"layer", h.layer}};
    if (!h.shares.empty()) {
      layer["shares"] = h.shares;
      layer["flips"] = h.flips;
    }
    if (!h.act_shares.empty()) {
      layer["act_lo"] = h.act_lo;
      layer["act_shares"] = h.act_shares;
      layer["saturation"] = h.saturation;
    }
    if (h.grad_norm >= 0) layer["grad_norm"] = h.grad_norm;
    for (const auto& [name, value] : h.numbers) layer[name] = value;
    j["health"].push_back(std::move(layer));
  }
  return j.dump() + "\n";
}

void append_metrics(const std::string& path, const std::string& line, std::uint64_t& bytes) {
  std::error_code ec;
  if (std::filesystem::file_size(path, ec) > bytes && !ec) std::filesystem::resize_file(path, bytes, ec);
  append_to_file(path, line);
  bytes += line.size();
}

void cut_metrics(const std::string& path, std::uint64_t& bytes, const std::function<void(const std::string&)>& note) {
  namespace fs = std::filesystem;
  std::error_code ec;
  std::uint64_t size = fs::file_size(path, ec);
  if (ec) {
    append_to_file(path, "");
    size = 0;
  }
  if (size < bytes) {
    note(path + " has " + std::to_string(size) + " of the " + std::to_string(bytes) +
         " bytes that the checkpoint knows of; its whole lines stay");
    const std::string text = read_text_file(path);
    bytes = text.rfind('\n') + 1;  // npos + 1 is 0
  }
  fs::resize_file(path, bytes, ec);
  if (ec) throw IoError("[metrics] cannot shorten " + path + ": " + ec.message());
}

std::optional<EpochResult> last_epoch(const std::string& path) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec)) return std::nullopt;
  std::string text = read_text_file(path);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.empty()) return std::nullopt;
  try {
    const ordered_json j = parse_json<ordered_json>(std::string_view(text).substr(text.rfind('\n') + 1));
    EpochResult r;
    r.epoch = j.at("epoch").get<std::int64_t>();
    r.train_loss = number(j, "train_loss");
    r.train_accuracy = number(j, "train_accuracy");
    r.lr = number(j, "lr");
    r.seconds = number(j, "seconds");
    r.images_per_second = number(j, "images_per_second");
    r.peak_mib = number(j, "peak_mib");
    r.has_validation = j.contains("validation");
    r.evaluated = j.contains("test");
    if (r.has_validation) r.validation = eval_of(j.at("validation"));
    if (r.evaluated) r.test = eval_of(j.at("test"));
    return r;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace tern

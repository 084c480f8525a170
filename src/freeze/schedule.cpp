// FreezeSchedule: the text form, and where an epoch lies in it.
// The phases "paper" are those of Cavigelli, Benini, 2020, section IV-B. Differs: it does not print the rate of the
// first phase, which falls here as that of the others does; of its two lengths of the last phase, 15 and 30, they
// have 30.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/names.hpp"
#include "core/number_text.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"

namespace tern {
namespace {

struct Named {
  const char* name;
  const char* help;
  const char* text;
};

constexpr Named kNamed[] = {
    {"paper", "the paper's 112 epochs: 37 at 0.9, 15 each at 0.95, 0.975, 0.9875, 30 at 1",
     "0.9:27x1e-3,10x1e-4+0.95:10x1e-3,5x1e-4+0.975:10x1e-3,5x1e-4+0.9875:10x1e-3,5x1e-4+1:10x1e-3,10x1e-4,10x1e-5"},
    {"small", "for small data: as paper, with 30 epochs at 0.9",
     "0.9:20x1e-3,10x1e-4+0.95:10x1e-3,5x1e-4+0.975:10x1e-3,5x1e-4+0.9875:10x1e-3,5x1e-4+1:10x1e-3,10x1e-4,10x1e-5"},
    {"auto", "as paper, but 0.9 lasts until the validation metric is stable, at most 100 epochs, and 10 more",
     "0.9:auto100x1e-3,10x1e-4+0.95:10x1e-3,5x1e-4+0.975:10x1e-3,5x1e-4+0.9875:10x1e-3,5x1e-4+1:10x1e-3,10x1e-4,10x1e-"
     "5"},
    {"inq", "INQ's fractions 0.5, 0.75, 0.875 and 1 over 112 epochs",
     "0.5:22x1e-3,8x1e-4+0.75:20x1e-3,8x1e-4+0.875:16x1e-3,8x1e-4+1:10x1e-3,10x1e-4,10x1e-5"},
};

constexpr std::int64_t kMostEpochs = std::int64_t{1} << 20;

[[noreturn]] void bad(std::string_view part, const std::string& expected) {
  throw ValueError("[freeze schedule] expected " + expected + "; got \"" + std::string(part) + "\"");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

template <class T>
bool parse_number(std::string_view text, T& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size();
}

FreezeSchedule::Run parse_run(std::string_view text) {
  FreezeSchedule::Run run;
  std::string_view rest = text;
  run.until_stable = rest.starts_with("auto");
  if (run.until_stable) rest.remove_prefix(4);
  const std::size_t x = rest.find('x');
  if (x == std::string_view::npos || !parse_number(rest.substr(0, x), run.epochs) ||
      !parse_number(rest.substr(x + 1), run.lr)) {
    bad(text, "EPOCHSxRATE, for example 10x1e-3 or auto100x1e-3");
  }
  if (run.epochs < 1 || run.epochs > kMostEpochs) bad(text, "1 .. 2^20 epochs");
  if (!(run.lr >= 0) || run.lr > 1e6) bad(text, "a learning rate >= 0");
  return run;
}

FreezeSchedule::Phase parse_phase(std::string_view text) {
  FreezeSchedule::Phase phase;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !parse_number(text.substr(0, colon), phase.fraction)) {
    bad(text, "FRACTION:RUN,RUN.. for example 0.9:20x1e-3,10x1e-4");
  }
  if (!(phase.fraction >= 0 && phase.fraction <= 1)) bad(text, "a fraction within [0, 1]");
  // 1 - 0.9 is not 0.1 in floating point, and would lose an element; the literal is the decimal with nine digits.
  phase.relaxed = std::round((1 - phase.fraction) * 1e9) / 1e9;
  for (const std::string_view run : split(text.substr(colon + 1), ',')) phase.runs.push_back(parse_run(run));
  return phase;
}

}  // namespace

FreezeSchedule FreezeSchedule::parse(std::string_view text) {
  for (const Named& n : kNamed) {
    if (text == n.name) return parse(n.text);
  }
  if (text.find(':') == std::string_view::npos) {
    bad(text, "one of " + join(kNamed, ", ", [](const Named& n) { return n.name; }) + ", or FRACTION:RUN,RUN..+..");
  }
  FreezeSchedule s;
  for (const std::string_view part : split(text, '+')) {
    s.phases_.push_back(parse_phase(part));
    if (s.phases_.size() > 1 && !(s.phases_.back().fraction > s.phases_[s.phases_.size() - 2].fraction)) {
      bad(part, "fractions that rise from phase to phase");
    }
  }
  return s;
}

std::vector<RegistryInfo> FreezeSchedule::names() {
  std::vector<RegistryInfo> out;
  for (const Named& n : kNamed) out.push_back({n.name, n.help});
  return out;
}

std::string FreezeSchedule::str() const {
  std::string out;
  for (const Phase& p : phases_) {
    out += (out.empty() ? "" : "+") + number_text(p.fraction) + ":";
    for (std::size_t i = 0; i < p.runs.size(); ++i) {
      out += (i ? "," : "") + std::string(p.runs[i].until_stable ? "auto" : "") + std::to_string(p.runs[i].epochs) +
             "x" + number_text(p.runs[i].lr);
    }
  }
  return out;
}

bool FreezeSchedule::has_auto() const {
  return std::any_of(phases_.begin(), phases_.end(), [](const Phase& p) {
    return std::any_of(p.runs.begin(), p.runs.end(), [](const Run& r) { return r.until_stable; });
  });
}

std::int64_t FreezeSchedule::epochs(std::span<const std::int64_t> ended) const {
  std::int64_t n = 0;
  std::size_t autos = 0;
  for (const Phase& p : phases_) {
    for (const Run& r : p.runs) {
      const bool is_over = r.until_stable && autos < ended.size();
      n += is_over ? ended[autos] : r.epochs;
      autos += r.until_stable;
    }
  }
  return n;
}

FreezeSchedule::At FreezeSchedule::at(std::int64_t epoch, std::span<const std::int64_t> ended) const {
  std::int64_t begin = 0;
  std::size_t autos = 0;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    const Phase& p = phases_[i];
    const std::int64_t phase_begin = begin;
    for (std::size_t k = 0; k < p.runs.size(); ++k) {
      const Run& r = p.runs[k];
      const bool is_over = r.until_stable && autos < ended.size();
      const std::int64_t length = is_over ? ended[autos] : r.epochs;
      autos += r.until_stable;
      if (epoch >= begin && epoch < begin + length) {
        return {i, k, p.fraction, p.relaxed, r.lr, epoch == phase_begin, r.until_stable, epoch - begin};
      }
      begin += length;
    }
  }
  throw ValueError("[freeze schedule] expected an epoch within 0 .. " + std::to_string(begin - 1) + "; got " +
                   std::to_string(epoch));
}

std::vector<std::string> FreezeSchedule::lines(double weight_lr) const {
  std::vector<std::string> out;
  std::int64_t begin = 1;
  for (const Phase& p : phases_) {
    std::int64_t length = 0;
    std::vector<std::string> rates;
    for (const Run& r : p.runs) {
      length += r.epochs;
      rates.push_back(number_text(r.lr) +
                      (weight_lr == 1 ? "" : " (" + number_text(weight_lr * r.lr) + " for the weights that freeze)") +
                      " for " + (r.until_stable ? "at most " : "") + std::to_string(r.epochs) +
                      (r.until_stable ? " (until validation is stable)" : ""));
    }
    out.push_back("epochs " + std::to_string(begin) + "-" + std::to_string(begin + length - 1) + ": " +
                  number_text(100 * p.fraction) + " % of the weights on the grid; learning rate " + join(rates));
    begin += length;
  }
  return out;
}

bool is_stable(std::span<const double> metric) {
  constexpr std::size_t kPatience = 5;
  constexpr double kGain = 1e-3;
  if (metric.size() <= kPatience) return false;
  const auto recent = metric.end() - kPatience;
  return *std::max_element(recent, metric.end()) <= *std::max_element(metric.begin(), recent) + kGain;
}

}  // namespace tern

// The lists of optimizers and schedules, and the joining of schedules by '+'.
#include <algorithm>
#include <mutex>

#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {

#define TERN_OPTIMIZER(name, file, help) \
  std::unique_ptr<Optimizer> make_optimizer_##name(const OptimizerOptions&, std::vector<ParamGroup>);
#include "optim/optimizers.def"
#undef TERN_OPTIMIZER
#define TERN_SCHEDULE(name, help) std::unique_ptr<Schedule> make_schedule_##name(const Spec&);
#include "optim/schedules/schedules.def"
#undef TERN_SCHEDULE

namespace {

template <class Factory>
struct Registry {
  const char* what;
  std::vector<std::pair<OptimInfo, Factory>> rows;
  std::mutex mutex = {};

  const std::pair<OptimInfo, Factory>* row(const std::string& key) const {
    const auto it = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first.key == key; });
    return it == rows.end() ? nullptr : &*it;
  }
  void add(const std::string& key, const std::string& help, Factory factory) {
    const std::lock_guard lock(mutex);
    if (row(key)) throw ValueError("[register] the " + std::string(what) + " \"" + key + "\" exists already");
    rows.push_back({{key, help}, std::move(factory)});
  }
  Factory find(const std::string& key) {
    const std::lock_guard lock(mutex);
    if (const auto* r = row(key)) return r->second;
    std::string known;
    for (const auto& r : rows) known += (known.empty() ? "" : ", ") + r.first.key;
    throw ValueError("[" + std::string(what) + "] unknown " + what + " \"" + key + "\"; known: " + known);
  }
  std::vector<OptimInfo> list() {
    const std::lock_guard lock(mutex);
    std::vector<OptimInfo> out;
    for (const auto& r : rows) out.push_back(r.first);
    return out;
  }
};

Registry<OptimizerFactory>& optimizer_registry() {
  static Registry<OptimizerFactory> r{"optimizer",
                                      {
#define TERN_OPTIMIZER(name, file, help) {{#name, help}, make_optimizer_##name},
#include "optim/optimizers.def"
#undef TERN_OPTIMIZER
                                      }};
  return r;
}

Registry<ScheduleFactory>& schedule_registry() {
  static Registry<ScheduleFactory> r{"schedule",
                                     {
#define TERN_SCHEDULE(name, help) {{#name, help}, make_schedule_##name},
#include "optim/schedules/schedules.def"
#undef TERN_SCHEDULE
                                     }};
  return r;
}

// Parts run one after the other; each sees its own epochs only.
class Sequence final : public Schedule {
 public:
  struct Part {
    std::unique_ptr<Schedule> schedule;
    std::int64_t epochs;  // 0: the rest
  };
  explicit Sequence(std::vector<Part> parts) : parts_(std::move(parts)) {}

  double lr(const Position& at) const override {
    const auto [part, local] = locate(at);
    return part->lr(local);
  }
  std::optional<double> momentum(const Position& at) const override {
    const auto [part, local] = locate(at);
    return part->momentum(local);
  }

 private:
  std::pair<const Schedule*, Position> locate(Position at) const {
    for (const Part& p : parts_) {
      if (&p == &parts_.back() || at.epoch < p.epochs) {
        if (&p != &parts_.back()) at.epochs = p.epochs;
        return {p.schedule.get(), at};
      }
      at.epoch -= p.epochs;
      at.epochs = std::max<std::int64_t>(at.epochs - p.epochs, 1);
    }
    return {parts_.back().schedule.get(), at};
  }
  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const OptimizerOptions& options,
                                          std::vector<ParamGroup> groups) {
  std::unique_ptr<Optimizer> out = optimizer_registry().find(name)(options, std::move(groups));
  out->prepare();
  return out;
}
std::vector<OptimInfo> optimizers() { return optimizer_registry().list(); }
void register_optimizer(const std::string& name, const std::string& help, OptimizerFactory factory) {
  optimizer_registry().add(name, help, std::move(factory));
}

std::unique_ptr<Schedule> make_schedule(std::string_view text) {
  std::vector<Sequence::Part> parts;
  while (true) {
    const std::size_t plus = text.find('+');
    Spec spec = Spec::parse(text.substr(0, plus));
    const bool last = plus == std::string_view::npos;
    const int epochs = spec.integer("for", 0);
    if (!last && epochs < 1) throw ValueError("[schedule] expected for=EPOCHS in every part but the last; got \"" + spec.str() + "\"");
    if (last && spec.has("for")) throw ValueError("[schedule] the last part runs to the end and takes no for=; got \"" + spec.str() + "\"");
    std::erase_if(spec.options, [](const auto& o) { return o.first == "for"; });
    parts.push_back({schedule_registry().find(spec.key)(spec), epochs});
    if (last) break;
    text.remove_prefix(plus + 1);
  }
  if (parts.size() == 1) return std::move(parts[0].schedule);
  return std::make_unique<Sequence>(std::move(parts));
}
std::vector<OptimInfo> schedules() { return schedule_registry().list(); }
void register_schedule(const std::string& name, const std::string& help, ScheduleFactory factory) {
  schedule_registry().add(name, help, std::move(factory));
}

}  // namespace tern

// Schedules from text: one, or several joined by '+' that run one after the other.
#include <algorithm>

#include "optim/registry.hpp"
#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

// Each part sees its own epochs only, counted from 0.
class Sequence final : public Schedule {
 public:
  struct Part {
    std::unique_ptr<Schedule> schedule;
    std::int64_t epochs;  // of the last part: whatever is left
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
    check_position(at);
    for (std::size_t i = 0; i + 1 < parts_.size(); ++i) {
      const Part& p = parts_[i];
      if (at.epoch < p.epochs) {
        at.epochs = p.epochs;
        return {p.schedule.get(), at};
      }
      at.epoch -= p.epochs;
      at.epochs = std::max<std::int64_t>(at.epochs - p.epochs, 1);
    }
    return {parts_.back().schedule.get(), at};
  }
  std::vector<Part> parts_;
};

// Where the part that `text` begins with ends. The '+' of 1e+3 is followed by a digit, a joining one by a name.
std::size_t end_of_part(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '+' && text[i + 1] >= 'a' && text[i + 1] <= 'z') return i;
  }
  return std::string_view::npos;
}

}  // namespace

std::unique_ptr<Schedule> make_schedule(std::string_view text) {
  std::vector<Sequence::Part> parts;
  while (true) {
    const std::size_t end = end_of_part(text);
    const bool last = end == std::string_view::npos;
    Spec spec = Spec::parse(text.substr(0, end));
    const auto row = schedule_registry().find(spec.key);
    const int epochs = spec.integer("for", 0);
    if (last && spec.has("for")) {
      throw ValueError("[schedule] the last part runs to the end and takes no for=; got \"" + spec.str() + "\"");
    }
    if (!last && epochs < 1) {
      throw ValueError("[schedule] expected for=EPOCHS, >= 1, in every part but the last; got \"" + spec.str() + "\"");
    }
    std::erase_if(spec.options, [](const auto& o) { return o.first == "for"; });
    std::unique_ptr<Schedule> schedule = row.make(row.completed(spec));
    if (!schedule) throw ValueError("[schedule] the factory of \"" + spec.key + "\" returned nothing");
    if (last && parts.empty()) return schedule;
    parts.push_back({std::move(schedule), epochs});
    if (last) return std::make_unique<Sequence>(std::move(parts));
    text.remove_prefix(end + 1);
  }
}

}  // namespace tern

#include "infer/plan/families.hpp"

#include <algorithm>

namespace tern::infer {
namespace {

constexpr std::size_t kLongestRun = 32;
constexpr int kMostSweeps = 8;
constexpr double kWorthwhile = 1e-9;  // seconds

class Descent {
 public:
  explicit Descent(const FamilyProblem& problem) : p_(problem), family_(problem.variables.size(), Family::kKpacked) {
    for (std::size_t i = 0; i < family_.size(); ++i) {
      if (p_.variables[i].seconds[0] >= kCannot) family_[i] = Family::kSliced;
    }
  }

  std::vector<Family> run() {
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      bool better = false;
      for (std::size_t begin = 0; begin < family_.size(); ++begin) {
        for (std::size_t end = begin + 1; end <= std::min(family_.size(), begin + kLongestRun); ++end) {
          for (const Family f : {Family::kSliced, Family::kKpacked}) better = try_run(begin, end, f) || better;
        }
      }
      if (!better) break;
    }
    return family_;
  }

 private:
  double value_seconds(std::size_t at) const {
    const FamilyProblem::Value& v = p_.values[at];
    Layout made = v.made;
    if (v.maker >= 0) {
      const auto maker = static_cast<std::size_t>(v.maker);
      made = p_.variables[maker].makes[static_cast<std::size_t>(family_[maker])];
    }
    std::array<bool, kValueLayouts> wanted = v.wanted;
    for (const std::size_t r : v.readers) wanted[static_cast<std::size_t>(layout_of(family_[r]))] = true;
    wanted[static_cast<std::size_t>(made)] = false;
    double sum = 0;
    for (std::size_t l = 0; l < kValueLayouts; ++l) {
      if (wanted[l]) sum += v.convert[static_cast<std::size_t>(made)][l];
    }
    return sum;
  }

  // What the variables begin .. end - 1 and the values around them cost.
  double seconds(std::size_t begin, std::size_t end) {
    double sum = 0;
    touched_.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const FamilyProblem::Variable& v = p_.variables[i];
      sum += v.seconds[static_cast<std::size_t>(family_[i])];
      touched_.insert(touched_.end(), v.values.begin(), v.values.end());
    }
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    for (const std::size_t v : touched_) sum += value_seconds(v);
    return sum;
  }

  bool try_run(std::size_t begin, std::size_t end, Family f) {
    const auto b = static_cast<std::ptrdiff_t>(begin), e = static_cast<std::ptrdiff_t>(end);
    const std::vector<Family> before(family_.begin() + b, family_.begin() + e);
    if (std::all_of(before.begin(), before.end(), [f](Family x) { return x == f; })) return false;
    const double was = seconds(begin, end);
    std::fill(family_.begin() + b, family_.begin() + e, f);
    if (seconds(begin, end) < was - kWorthwhile) return true;
    std::copy(before.begin(), before.end(), family_.begin() + b);
    return false;
  }

  const FamilyProblem& p_;
  std::vector<Family> family_;
  std::vector<std::size_t> touched_;
};

}  // namespace

std::vector<Family> choose_families(const FamilyProblem& problem) { return Descent(problem).run(); }

}  // namespace tern::infer

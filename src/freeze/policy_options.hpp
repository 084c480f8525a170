// The options that all of tern's policies have.
#pragma once

#include <initializer_list>
#include <string_view>

#include "tern/freeze.hpp"

namespace tern::freeze {

/// Reads "clear_optimizer_state" (default 1) and "clip" (default 0).
class PolicyWithOptions : public FreezePolicy {
 public:
  bool clears_optimizer_state() const final { return clears_; }
  bool clips() const final { return clips_; }

 protected:
  /// `options`: all that the policy has. Errors: ValueError on any other.
  PolicyWithOptions(const Spec& spec, std::initializer_list<std::string_view> options) {
    spec.allow_only(options);
    clears_ = spec.flag("clear_optimizer_state", true);
    clips_ = spec.flag("clip", false);
  }

 private:
  bool clears_ = true, clips_ = false;
};

}  // namespace tern::freeze

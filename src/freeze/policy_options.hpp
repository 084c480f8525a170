// The options that all of tern's policies have.
#pragma once

#include "tern/freeze.hpp"

namespace tern::freeze {

/// "clear_optimizer_state" (default 1) and "clip" (default 0). Errors (constructor): ValueError on any other option.
class PolicyWithOptions : public FreezePolicy {
 public:
  explicit PolicyWithOptions(const Spec& spec) {
    spec.allow_only({"clear_optimizer_state", "clip"});
    clears_ = spec.flag("clear_optimizer_state", true);
    clips_ = spec.flag("clip", false);
  }
  bool clears_optimizer_state() const final { return clears_; }
  bool clips() const final { return clips_; }

 private:
  bool clears_ = true, clips_ = false;
};

}  // namespace tern::freeze

#include "core/interrupt.hpp"

#include <utility>

#include "tern/interrupt.hpp"

namespace tern {

const std::function<bool()>*& asked_for_interrupts() {
  thread_local const std::function<bool()>* asked = nullptr;
  return asked;
}

Interruptible::Interruptible(std::function<bool()> interrupted)
    : interrupted_(std::move(interrupted)), outer_(asked_for_interrupts()) {
  asked_for_interrupts() = interrupted_ ? &interrupted_ : nullptr;
}
Interruptible::~Interruptible() { asked_for_interrupts() = outer_; }

void expect_no_interrupt() {
  const std::function<bool()>* asked = asked_for_interrupts();
  if (asked && (*asked)()) throw Interrupted();
}

}  // namespace tern

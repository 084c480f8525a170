// Tests that need a process of their own: one that may be killed, or has little memory.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "catch.hpp"

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressChecks = true;
#elif defined(__has_feature)
constexpr bool kAddressChecks = __has_feature(address_sanitizer);
#else
constexpr bool kAddressChecks = false;
#endif

/// What f gives as the exit code of a forked process; -1 if it was killed, 20 seconds after its start at the latest.
template <class F>
int in_child(F f) {
  std::cout.flush();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    f();
    _exit(1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// No new mapping goes beyond these bytes in all, and so no thread's stack.
inline void limit_memory(rlim_t bytes) {
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_AS, &limit);
}

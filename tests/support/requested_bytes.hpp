// How much memory a piece of code asks for, in all: what it frees is not subtracted, so that no step of it hides.
#pragma once

#include <cstdint>

namespace tern::testing {

/// Bytes that this program has asked of operator new so far, tensors and containers alike. Tensors that come out of the
/// pool ask for nothing: call trim_memory_pool() first.
std::uint64_t requested_bytes();
/// How often it has asked.
std::uint64_t requested_allocations();

}  // namespace tern::testing

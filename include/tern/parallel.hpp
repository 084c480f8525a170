// parallel_for: run independent chunks on a fixed team of threads. The caller chooses the chunks, and a good caller
// chooses them from the problem alone, never from the number of threads: then results do not depend on it.
#pragma once

#include <cstdint>
#include <functional>

#include "tern/public.h"

namespace tern {

/// Number of threads that parallel_for uses, the caller included. Default: the hardware's count, or as many as the
/// system gives. A forked process starts as many of its own.
TERN_PUBLIC int num_threads();
/// Errors: ValueError if n < 1; Error if the system gives fewer threads, and the number is then what it was. Not to be
/// called from inside parallel_for.
TERN_PUBLIC void set_num_threads(int n);

/// Calls body(i) once for each i in [0, chunks), in any order, on any thread, and returns when all are done.
/// A call from inside a body runs inline. If bodies throw, the exception of the lowest chunk index is rethrown.
TERN_PUBLIC void parallel_for(std::int64_t chunks, const std::function<void(std::int64_t)>& body);

/// Splits [0, n) into ranges of at most `grain` elements and calls body(begin, end) for each as parallel_for does.
TERN_PUBLIC void parallel_ranges(std::int64_t n, std::int64_t grain,
                                 const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace tern

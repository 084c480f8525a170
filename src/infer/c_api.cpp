// The C interface: every exception ends here, as a status and a text.
#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <string>

#include "core/version.hpp"
#include "tern/cpu.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"
#include "tern/interrupt.hpp"
#include "tern/tern.h"

using tern::infer::Session;

struct tern_model {
  Session session;
  tern_options options;
};

namespace {

struct Failure {
  std::string text;
  tern_status status = TERN_OK;
};

Failure& last_failure() {
  thread_local Failure failure;
  return failure;
}

// Of the exception that is being handled.
tern_status status_of_exception() {
  try {
    throw;
  } catch (const tern::ValueError&) {
    return TERN_BAD_ARGUMENT;
  } catch (const tern::ShapeError&) {
    return TERN_BAD_ARGUMENT;
  } catch (const tern::FormatError&) {
    return TERN_BAD_FILE;
  } catch (const tern::IoError&) {
    return TERN_IO;
  } catch (const std::bad_alloc&) {
    return TERN_NO_MEMORY;
  } catch (const tern::Interrupted&) {
    return TERN_CANCELLED;
  } catch (...) {
    return TERN_FAILED;
  }
}

const char* text_of_exception() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return "not enough memory";
  } catch (const tern::Interrupted&) {
    return "cancelled";
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown failure";
  }
}

// What f gives; if it throws, the failure is kept, told to the log of `options`, and `failed` gives the result.
template <class F, class G>
auto guarded(const tern_options* options, const G& failed, const F& f) noexcept -> decltype(f()) {
  try {
    return f();
  } catch (...) {
    Failure& last = last_failure();
    last.status = status_of_exception();
    try {
      last.text = text_of_exception();
    } catch (...) {
      last.text.clear();
    }
    if (options && options->log) options->log(options->context, last.text.c_str());
    return failed(last.status);
  }
}

constexpr auto kNull = [](tern_status) { return nullptr; };
constexpr auto kStatus = [](tern_status status) { return status; };

const tern_options* options_of(const tern_model* model) { return model ? &model->options : nullptr; }

// A pointer that a call cannot do without.
template <class T>
T* given(T* pointer, const char* call, const char* what) {
  if (!pointer) throw tern::ValueError(std::string("[") + call + "] expected " + what + "; got NULL");
  return pointer;
}

// What the program gave, as this library knows it. A program that was compiled with a later one may set what is known
// here, and leaves the rest at 0.
tern_options known(const tern_options* o, const char* call) {
  tern_options out = TERN_OPTIONS;
  if (!o) return out;
  constexpr std::size_t kMost = 4096;  // of any version: what is larger was never initialised
  const auto refuse = [&](const std::string& what) { throw tern::ValueError("[" + std::string(call) + "] " + what); };
  if (o->size < sizeof out || o->size > kMost) {
    refuse("expected options that begin with size = sizeof(tern_options), " + std::to_string(sizeof out) + "; got " +
           std::to_string(o->size) + " (begin with TERN_OPTIONS)");
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(o);
  if (!std::all_of(bytes + sizeof out, bytes + o->size, [](unsigned char b) { return b == 0; }))
    refuse("the options set one that version " TERN_VERSION " does not know");
  std::memcpy(&out, o, sizeof out);
  out.size = sizeof out;
  if (out.reserved != 0) refuse("expected reserved = 0; got " + std::to_string(out.reserved));
  return out;
}

tern::infer::Options session_options(const tern_options& o, const char* call) {
  const auto refuse = [&](const std::string& what) { throw tern::ValueError("[" + std::string(call) + "] " + what); };
  if (o.threads < 0) refuse("expected threads >= 0; got " + std::to_string(o.threads));
  if (o.batch < 0) refuse("expected batch >= 0; got " + std::to_string(o.batch));
  tern::infer::Options out;
  out.threads = std::max<int>(o.threads, 1);
  out.batch = std::max<std::int64_t>(o.batch, 1);
  out.pool = {o.run_tasks, o.context};
  out.memory = {o.allocate, o.release, o.context};
  if (o.log) out.log = [log = o.log, c = o.context](std::string_view text) { log(c, std::string(text).c_str()); };
  return out;
}

tern::infer::Options load_options(const tern_options& o, const char* call) {
  tern::infer::Options out = session_options(o, call);
  if (o.max_work != 0) out.max_work = o.max_work;
  if (o.isa) out.isa = tern::isa_from_name(o.isa);
  return out;
}

// The buffer of n images of `each` numbers, or nothing of it if they cannot be counted, which the session then refuses.
template <class T>
std::span<T> images_of(T* pointer, std::int64_t n, std::int64_t each, const char* call, const char* what) {
  if (n <= 0 || n > std::numeric_limits<std::int64_t>::max() / each) return {};
  return {given(pointer, call, what), static_cast<std::size_t>(n * each)};
}

std::int64_t extent(const tern_model* model, const char* call, int axis) {
  return guarded(options_of(model), kStatus,
                 [&]() -> std::int64_t { return given(model, call, "a model")->session.input_shape()[axis]; });
}

// run(session, images) as long as nobody cancels it.
template <class F>
int run_guarded(tern_model* model, const uint8_t* images, int64_t n, const char* call, const F& run) {
  return guarded(options_of(model), kStatus, [&]() -> int {
    Session& session = given(model, call, "a model")->session;
    const auto pixels = images_of(images, n, session.input_shape().numel(), call, "images");
    if (!model->options.cancel) {
      run(session, pixels);
      return TERN_OK;
    }
    const tern::Interruptible scope([model] { return model->options.cancel(model->options.context) != 0; });
    run(session, pixels);
    return TERN_OK;
  });
}

}  // namespace

extern "C" {

int tern_api_version(void) { return TERN_API_VERSION; }

tern_model* tern_load_with(const char* path, const tern_options* options) {
  return guarded(options && options->size == sizeof *options ? options : nullptr, kNull, [&]() -> tern_model* {
    const tern_options o = known(options, "tern_load");
    return new tern_model{Session::load(given(path, "tern_load", "a path"), load_options(o, "tern_load")), o};
  });
}

tern_model* tern_load_memory_with(const void* bytes, size_t size, const tern_options* options) {
  return guarded(options && options->size == sizeof *options ? options : nullptr, kNull, [&]() -> tern_model* {
    const tern_options o = known(options, "tern_load_memory");
    const auto* begin = static_cast<const std::byte*>(given(bytes, "tern_load_memory", "the bytes of a file"));
    return new tern_model{Session(tern::packed::decode({begin, size}), load_options(o, "tern_load_memory")), o};
  });
}

tern_model* tern_load(const char* path) { return tern_load_with(path, nullptr); }
tern_model* tern_load_memory(const void* bytes, size_t size) { return tern_load_memory_with(bytes, size, nullptr); }

tern_session* tern_session_new(const tern_model* model, const tern_options* options) {
  return guarded(options && options->size == sizeof *options ? options : nullptr, kNull, [&]() -> tern_model* {
    const tern_options o = known(options, "tern_session_new");
    given(model, "tern_session_new", "a model");
    if (o.max_work != 0 || o.isa)
      throw tern::ValueError("[tern_session_new] max_work and isa are options of loading; they have no effect here");
    return new tern_model{Session(model->session.shared_model(), session_options(o, "tern_session_new")), o};
  });
}

void tern_free(tern_model* model) { delete model; }

int64_t tern_working_bytes(const tern_model* model, const tern_options* options) {
  return guarded(options_of(model), kStatus, [&]() -> std::int64_t {
    const tern_options o = known(options, "tern_working_bytes");
    const auto& shared = given(model, "tern_working_bytes", "a model")->session.shared_model();
    return static_cast<std::int64_t>(shared->working_bytes(session_options(o, "tern_working_bytes")));
  });
}

int64_t tern_channels(const tern_model* model) { return extent(model, "tern_channels", 0); }
int64_t tern_height(const tern_model* model) { return extent(model, "tern_height", 1); }
int64_t tern_width(const tern_model* model) { return extent(model, "tern_width", 2); }
int64_t tern_classes(const tern_model* model) {
  return guarded(options_of(model), kStatus,
                 [&]() -> std::int64_t { return given(model, "tern_classes", "a model")->session.classes(); });
}

const char* tern_class_name(const tern_model* model, int64_t index) {
  return guarded(options_of(model), kNull, [&]() -> const char* {
    return given(model, "tern_class_name", "a model")->session.shared_model()->class_name(index).c_str();
  });
}

int tern_run(tern_model* model, const uint8_t* images, int64_t n, float* logits) {
  return run_guarded(model, images, n, "tern_run", [&](Session& session, std::span<const uint8_t> pixels) {
    session.run(pixels, n, images_of(logits, n, session.classes(), "tern_run", "room for logits"));
  });
}

int tern_classify(tern_model* model, const uint8_t* images, int64_t n, int32_t* classes) {
  return run_guarded(model, images, n, "tern_classify", [&](Session& session, std::span<const uint8_t> pixels) {
    session.predict(pixels, n, images_of(classes, n, 1, "tern_classify", "room for classes"));
  });
}

int tern_top(tern_model* model, const uint8_t* images, int64_t n, int64_t k, int32_t* classes, float* logits) {
  return run_guarded(model, images, n, "tern_top", [&](Session& session, std::span<const uint8_t> pixels) {
    if (k < 1 || k > session.classes()) {
      throw tern::ValueError("[tern_top] expected k of 1 .. " + std::to_string(session.classes()) + "; got " +
                             std::to_string(k));
    }
    const auto scores = logits ? images_of(logits, n, k, "tern_top", "") : std::span<float>();
    session.top(pixels, n, images_of(classes, n, k, "tern_top", "room for classes"), scores);
  });
}

const char* tern_error(void) { return last_failure().text.c_str(); }
tern_status tern_last_status(void) { return last_failure().status; }

const char* tern_isa(void) {
  return guarded(
      nullptr, [](tern_status) { return ""; }, [] { return tern::name_of(tern::active_isa()).data(); });
}

const char* tern_version(void) { return TERN_VERSION; }
}

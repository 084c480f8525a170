// The C interface: every exception ends here, as a return value and a text.
#include <algorithm>
#include <exception>
#include <limits>
#include <string>

#include "core/version.hpp"
#include "tern/cpu.hpp"
#include "tern/error.hpp"
#include "tern/infer.hpp"
#include "tern/tern.h"

struct tern_model {
  tern::infer::Session session;
};

namespace {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

template <class R, class F>
R guarded(R failure, F&& f) noexcept {
  try {
    return f();
  } catch (const std::exception& error) {
    try {
      last_error() = error.what();
    } catch (...) {
    }
  } catch (...) {
  }
  return failure;
}

using tern::infer::Session;

// A pointer that a call cannot do without.
template <class T>
T* given(T* pointer, const char* call, const char* what) {
  if (!pointer) throw tern::ValueError(std::string("[") + call + "] expected " + what + "; got NULL");
  return pointer;
}

tern::infer::Options options_of(const tern_options* o) {
  tern::infer::Options out;
  if (!o) return out;
  out.threads = o->threads;
  if (o->max_work != 0) out.max_work = o->max_work;
  return out;
}

// The buffer of n images of `each` numbers, or nothing of it if they cannot be counted, which the session then refuses.
template <class T>
std::span<T> images_of(T* pointer, std::int64_t n, std::int64_t each, const char* call, const char* what) {
  if (n <= 0 || n > std::numeric_limits<std::int64_t>::max() / each) return {};
  return {given(pointer, call, what), static_cast<std::size_t>(n * each)};
}

std::int64_t extent(const tern_model* model, const char* call, int axis) {
  return guarded<std::int64_t>(-1, [&] { return given(model, call, "a model")->session.input_shape()[axis]; });
}

}  // namespace

extern "C" {

tern_model* tern_load_with(const char* path, const tern_options* options) {
  return guarded<tern_model*>(
      nullptr, [&] { return new tern_model{Session::load(given(path, "tern_load", "a path"), options_of(options))}; });
}

tern_model* tern_load_memory_with(const void* bytes, size_t size, const tern_options* options) {
  return guarded<tern_model*>(nullptr, [&] {
    const auto* begin = static_cast<const std::byte*>(given(bytes, "tern_load_memory", "the bytes of a file"));
    return new tern_model{Session(tern::packed::decode({begin, size}), options_of(options))};
  });
}

tern_model* tern_load(const char* path) { return tern_load_with(path, nullptr); }
tern_model* tern_load_memory(const void* bytes, size_t size) { return tern_load_memory_with(bytes, size, nullptr); }

void tern_free(tern_model* model) { delete model; }

int64_t tern_channels(const tern_model* model) { return extent(model, "tern_channels", 0); }
int64_t tern_height(const tern_model* model) { return extent(model, "tern_height", 1); }
int64_t tern_width(const tern_model* model) { return extent(model, "tern_width", 2); }
int64_t tern_classes(const tern_model* model) {
  return guarded<std::int64_t>(-1, [&] { return given(model, "tern_classes", "a model")->session.classes(); });
}

int tern_run(tern_model* model, const uint8_t* images, int64_t n, float* logits) {
  return guarded(-1, [&] {
    Session& session = given(model, "tern_run", "a model")->session;
    const auto pixels = images_of(images, n, session.input_shape().numel(), "tern_run", "images");
    session.run(pixels, n, images_of(logits, n, session.classes(), "tern_run", "room for logits"));
    return 0;
  });
}

int tern_classify(tern_model* model, const uint8_t* images, int64_t n, int32_t* classes) {
  return guarded(-1, [&] {
    Session& session = given(model, "tern_classify", "a model")->session;
    const auto pixels = images_of(images, n, session.input_shape().numel(), "tern_classify", "images");
    const auto out = images_of(classes, n, 1, "tern_classify", "room for classes");
    const std::vector<std::int32_t> found = session.predict(pixels, n);
    std::copy(found.begin(), found.end(), out.begin());
    return 0;
  });
}

const char* tern_error(void) { return last_error().c_str(); }

const char* tern_isa(void) {
  return guarded("", [] { return tern::name_of(tern::active_isa()).data(); });
}

const char* tern_version(void) { return TERN_VERSION; }
}

// The C interface: every exception ends here, as a return value and a text.
#include <exception>
#include <limits>
#include <string>

#include "tern/cpu.hpp"
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

// Numbers in n images of `each`; none if they cannot be counted, which the session then refuses.
std::size_t count(std::int64_t n, std::int64_t each) {
  return n > 0 && n <= std::numeric_limits<std::int64_t>::max() / each ? static_cast<std::size_t>(n * each) : 0;
}

std::span<const std::uint8_t> pixels(const tern_model* model, const std::uint8_t* images, std::int64_t n) {
  return {images, count(n, model->session.input_shape().numel())};
}

}  // namespace

extern "C" {

tern_model* tern_load(const char* path) {
  return guarded<tern_model*>(nullptr, [&] { return new tern_model{tern::infer::Session::load(path)}; });
}

tern_model* tern_load_memory(const void* bytes, size_t size) {
  return guarded<tern_model*>(nullptr, [&] {
    const std::span<const std::byte> data(static_cast<const std::byte*>(bytes), size);
    return new tern_model{tern::infer::Session(tern::packed::decode(data))};
  });
}

void tern_free(tern_model* model) { delete model; }

int64_t tern_channels(const tern_model* model) { return model->session.input_shape()[0]; }
int64_t tern_height(const tern_model* model) { return model->session.input_shape()[1]; }
int64_t tern_width(const tern_model* model) { return model->session.input_shape()[2]; }
int64_t tern_classes(const tern_model* model) { return model->session.classes(); }

int tern_run(tern_model* model, const uint8_t* images, int64_t n, float* logits) {
  return guarded(-1, [&] {
    const std::span<float> out(logits, count(n, model->session.classes()));
    model->session.run(pixels(model, images, n), n, out);
    return 0;
  });
}

int tern_classify(tern_model* model, const uint8_t* images, int64_t n, int32_t* classes) {
  return guarded(-1, [&] {
    const auto found = model->session.predict(pixels(model, images, n), n);
    for (std::size_t i = 0; i < found.size(); ++i) classes[i] = found[i];
    return 0;
  });
}

const char* tern_error(void) { return last_error().c_str(); }

const char* tern_isa(void) {
  return guarded("", [] { return tern::name_of(tern::active_isa()).data(); });
}

const char* tern_version(void) { return "0.1.0"; }
}

/* tern's C interface: load a packed model, classify images. C99.
 *
 *   tern_model* net = tern_load("net.tern");
 *   if (!net) { fprintf(stderr, "%s\n", tern_error()); exit(1); }
 *   int32_t cls;
 *   tern_classify(net, pixels, 1, &cls);
 *   tern_free(net);
 *
 * Failures return NULL or -1; tern_error() then says why. A NULL where something is needed is such a failure, but for
 * tern_free(). A model serves one thread at a time. */
#ifndef TERN_TERN_H
#define TERN_TERN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tern_model tern_model;

/* Of loading. 0 in any field stands for its default. */
typedef struct tern_options {
  int threads;     /* used at most; default: as many as the machine has */
  double max_work; /* operations that one image may take; default 4e12, HUGE_VAL: no limit. A file that wants more is
                      refused. */
} tern_options;

/* Loads a file, or a file's bytes. options: NULL for the defaults. NULL on failure. */
tern_model* tern_load(const char* path);
tern_model* tern_load_memory(const void* bytes, size_t size);
tern_model* tern_load_with(const char* path, const tern_options* options);
tern_model* tern_load_memory_with(const void* bytes, size_t size, const tern_options* options);
/* NULL is allowed. */
void tern_free(tern_model* model);

/* Extents of one image and number of classes; -1 on failure. */
int64_t tern_channels(const tern_model* model);
int64_t tern_height(const tern_model* model);
int64_t tern_width(const tern_model* model);
int64_t tern_classes(const tern_model* model);

/* images: n x channels x height x width bytes. logits: n x classes. classes: n. n >= 0; with 0 nothing is read or
 * written. 0, or -1 on failure. */
int tern_run(tern_model* model, const uint8_t* images, int64_t n, float* logits);
int tern_classify(tern_model* model, const uint8_t* images, int64_t n, int32_t* classes);

/* What the last failed call on this thread said; "" if none failed. Valid until the next failure on this thread. */
const char* tern_error(void);
/* Name of the instruction set that new models will use, "" on failure (TERN_ISA names one that the CPU lacks). */
const char* tern_isa(void);
const char* tern_version(void);

#ifdef __cplusplus
}
#endif

#endif

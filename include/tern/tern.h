/* tern's C interface: load a packed model, classify images. C99.
 *
 *   tern_model* net = tern_load("net.tern");
 *   if (!net) { fprintf(stderr, "%s\n", tern_error()); exit(1); }
 *   int32_t cls;
 *   tern_classify(net, pixels, 1, &cls);
 *   tern_free(net);
 *
 * Failures return NULL or a negative tern_status; tern_error() then says why, tern_last_status() of which kind. A NULL
 * where something is needed, and a number out of range, are such failures, never crashes; tern_free(NULL) does nothing.
 *
 * A tern_model is a network and the memory of its runs, and serves one thread at a time. tern_session_new() makes
 * another one on the same weights, for another thread. No thread is started unless tern_options.threads asks for it.
 * After loading, tern_run(), tern_classify() and tern_top() allocate nothing. */
#ifndef TERN_TERN_H
#define TERN_TERN_H

#include <stddef.h>
#include <stdint.h>

#include "tern/public.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Grows by one with every function, option or status that is added; the first number of the library's SONAME,
 * libtern-infer.so.0.2, changes when something that was here goes or changes. */
#define TERN_API_VERSION 2
/* That of the library which runs, at least TERN_API_VERSION of what the program was compiled with. */
TERN_PUBLIC int tern_api_version(void);

typedef enum tern_status {
  TERN_OK = 0,
  TERN_BAD_ARGUMENT = -1, /* NULL, a number out of range, a size that does not fit, an option that does not exist */
  TERN_BAD_FILE = -2,     /* no packed model, damaged, or one that this version cannot run */
  TERN_IO = -3,           /* the system refused to read */
  TERN_NO_MEMORY = -4,    /* the allocator gave nothing */
  TERN_CANCELLED = -5,    /* tern_options.cancel said so; results hold anything */
  TERN_FAILED = -6        /* anything else: threads that the system does not give */
} tern_status;

typedef struct tern_model tern_model;
typedef tern_model tern_session;

/* Of loading, and of a session. Begin with TERN_OPTIONS: tern_options o = TERN_OPTIONS; o.threads = 2;
 * 0 or NULL in any field stands for its default. */
typedef struct tern_options {
  size_t size;      /* sizeof(tern_options): the library knows by it which fields the program knows */
  double max_work;  /* operations that one image may take; default 4e12, HUGE_VAL: no limit. A file that wants more is
                       refused. Loading only. */
  const char* isa;  /* instruction set, as tern_isa() names it; default: the best. Loading only. */
  int32_t threads;  /* of a run, the caller's included; default 1. n > 1: n - 1 are started, which take no signals and
                       end  with the model. With run_tasks none is started, and the work is cut into n tasks. */
  int32_t reserved; /* 0 */
  int64_t batch;    /* images that a call usually brings; default 1. Memory is made for them; larger calls go piece by
                       piece. 8 or more for each thread let small images share vectors, at the cost of a second layout
                       of the weights. */

  /* Handed to each of the functions below. */
  void* context;
  /* The caller's threads: calls task(argument, i) once for each i in [0, n), in any order, on any threads, and returns
   * when all are done. */
  void (*run_tasks)(void* context, int64_t n, void (*task)(void* argument, int64_t i), void* argument);
  /* The working memory, that of tern_working_bytes(): `alignment` is a power of two. Both or none; default: the heap.
   */
  void* (*allocate)(void* context, size_t bytes, size_t alignment);
  void (*release)(void* context, void* memory, size_t bytes);
  /* Asked before each step of a run, from each thread that works on it: not 0 ends the run with TERN_CANCELLED. */
  int (*cancel)(void* context);
  /* Told in a line each what was loaded and how it runs, and of each failure what tern_error() says. */
  void (*log)(void* context, const char* text);
} tern_options;
#define TERN_OPTIONS \
  { sizeof(tern_options), 0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL }

/* Loads a file, or a file's bytes, which are copied. options: NULL for the defaults. NULL on failure. */
TERN_PUBLIC tern_model* tern_load(const char* path);
TERN_PUBLIC tern_model* tern_load_memory(const void* bytes, size_t size);
TERN_PUBLIC tern_model* tern_load_with(const char* path, const tern_options* options);
TERN_PUBLIC tern_model* tern_load_memory_with(const void* bytes, size_t size, const tern_options* options);
/* Another session on the weights of `model`, which may be freed before or after, and may run on another thread
 * meanwhile. It has working memory and options of its own. NULL on failure. */
TERN_PUBLIC tern_session* tern_session_new(const tern_model* model, const tern_options* options);
/* NULL is allowed. */
TERN_PUBLIC void tern_free(tern_model* model);
/* Bytes that a session with these options takes from its allocator, once, when it is made; what this model itself took
 * if its options are given. A negative tern_status on failure. */
TERN_PUBLIC int64_t tern_working_bytes(const tern_model* model, const tern_options* options);

/* Extents of one image and number of classes; a negative tern_status on failure. */
TERN_PUBLIC int64_t tern_channels(const tern_model* model);
TERN_PUBLIC int64_t tern_height(const tern_model* model);
TERN_PUBLIC int64_t tern_width(const tern_model* model);
TERN_PUBLIC int64_t tern_classes(const tern_model* model);
/* What the file calls a class; "" if it names none; NULL on failure. Valid as long as the model or a session on it. */
TERN_PUBLIC const char* tern_class_name(const tern_model* model, int64_t index);

/* images: n x channels x height x width bytes. logits: n x classes. classes: n. n >= 0; with 0 nothing is read or
 * written. TERN_OK, or a negative tern_status. */
TERN_PUBLIC int tern_run(tern_model* model, const uint8_t* images, int64_t n, float* logits);
TERN_PUBLIC int tern_classify(tern_model* model, const uint8_t* images, int64_t n, int32_t* classes);
/* The k best classes of each image and their logits, the best first: n x k each. 1 <= k <= classes. logits may be NULL.
 */
TERN_PUBLIC int tern_top(tern_model* model, const uint8_t* images, int64_t n, int64_t k, int32_t* classes,
                         float* logits);

/* What the last failed call on this thread said, and its kind; "" and TERN_OK if none failed. The text is valid until
 * the next failure on this thread. */
TERN_PUBLIC const char* tern_error(void);
TERN_PUBLIC tern_status tern_last_status(void);
/* Name of the instruction set that new models will use, "" on failure (TERN_ISA names one that the CPU lacks). */
TERN_PUBLIC const char* tern_isa(void);
TERN_PUBLIC const char* tern_version(void);

#ifdef __cplusplus
}
#endif

#endif

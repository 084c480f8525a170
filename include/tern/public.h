// What a shared library of tern shows: what is declared TERN_PUBLIC in these headers, and nothing else. C and C++.
#ifndef TERN_PUBLIC_H
#define TERN_PUBLIC_H

#if defined(__GNUC__) && !defined(_WIN32)
#define TERN_PUBLIC __attribute__((visibility("default")))
#else
#define TERN_PUBLIC
#endif

#endif

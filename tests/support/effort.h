/* effort.h: how much a test program does: less where it is slow, more when asked. */
#ifndef SUPPORT_EFFORT_H
#define SUPPORT_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__SANITIZE_THREAD__)
#define EFFORT_THREAD_SANITIZER 1
#elif defined(__SANITIZE_ADDRESS__)
#define EFFORT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EFFORT_THREAD_SANITIZER 1
#elif __has_feature(address_sanitizer)
#define EFFORT_ADDRESS_SANITIZER 1
#endif
#endif

/* How many times slower than a release build this one is, roughly. */
#if defined(EFFORT_THREAD_SANITIZER)
enum { EFFORT_SLOWDOWN = 10 };
#elif defined(EFFORT_ADDRESS_SANITIZER)
enum { EFFORT_SLOWDOWN = 4 };
#elif defined(RT_DEBUG)
enum { EFFORT_SLOWDOWN = 3 };
#else
enum { EFFORT_SLOWDOWN = 1 };
#endif

/* By this much fewer seeds are played: a simulation has one thread, so there is little in
 * it for ThreadSanitizer; and where memory or structures are checked it is slow. */
#ifdef EFFORT_THREAD_SANITIZER
enum { EFFORT_SEEDS = 5 };
#elif defined(EFFORT_ADDRESS_SANITIZER) || defined(RT_DEBUG)
enum { EFFORT_SEEDS = 2 };
#else
enum { EFFORT_SEEDS = 1 };
#endif

/* CADRE_LONG=1: as in `make check-long`. */
bool effort_is_long(void);

/* So much in a short run, divided by the slowdown; so much in a long one. */
uint64_t effort(uint64_t in_check, uint64_t in_check_long);

/* Can a process be made here? Says so if not: then a test is skipped, status 77. */
bool effort_can_fork(void);

/* Real seconds of some fixed point in the past: to bound a run, never to judge it. */
double effort_clock(void);

#endif

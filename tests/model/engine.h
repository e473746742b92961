/* engine.h: what the parts of the explorer share; models include mc.h. */
#ifndef MODEL_ENGINE_H
#define MODEL_ENGINE_H

#define MC_ENGINE
#include "mc.h"

enum {
    THREADS = MC_THREADS_MAX + 1, /* 0 is set-up and final check */
    OBJECTS = 192,                /* atomic objects in one execution */
    WATCHED = 32                  /* what a waiting loop may depend on */
};

/* What a thread knows. */
struct view {
    uint8_t oldest[OBJECTS];  /* the first store of each object it may still read */
    uint32_t clock[THREADS];  /* which operations of each thread happened before */
};

enum thread_state { READY, SPINNING, SLEEPING, SLEEPING_TIMED, ENDED };

struct place_in_source {
    const char *file;
    int line;
};

/* What an operation depends on and others on it. */
enum { FOOT_WRITES = 1, FOOT_SEQ = 2, FOOT_FENCE = 4 };
struct footprint {
    const void *address; /* NULL: a sequentially consistent fence */
    unsigned what;
};

/* An atomic object that a thread has read since it last waited. */
struct watch {
    uint16_t place;
    bool stale;
    uint64_t value;
};

struct fiber {
    void *stack_pointer;
    enum thread_state state;
    bool fresh;            /* just switched to: its next operation needs no choice */
    bool preempted;        /* and nothing came since that its operation depends on */
    struct footprint next; /* its operation, when it was preempted */
    const void *sleeps_on; /* a futex word */
    unsigned watch_count;      /* since it last waited; the last WATCHED are kept */
    struct watch watched[WATCHED];
    struct view now;
    struct view released;   /* at its last release fence */
    struct view to_acquire; /* what an acquire fence would get */
    struct place_in_source here;
};

struct engine {
    const struct mc_test *test;
    struct mc_bounds bounds;
    /* One execution. */
    int self;
    struct fiber fibers[THREADS];
    int operations, preempted, stale, spurious;
    int idle_rounds; /* how often waiting threads went on since the last store */
    struct place_in_source here;
    uint64_t execution; /* its number in this process */
    bool failed;
    bool redundant; /* equivalent to an execution that is explored elsewhere */
    bool tracing;
    char reason[400];
};

extern struct engine mc;

/* mc.c */
void mc_point(struct footprint next);
/* It was an operation too many: report it, and end the execution. */
void mc_count_operation(void);

/* mc_memory.c */
void mc_memory_reset(void);
void view_join(struct view *into, const struct view *from);
/* Has anything changed that the thread has read since it last waited? */
bool watch_has_changed(const struct fiber *f);
/* Begins anew; what was read stale will be read anew. */
void watch_reset(struct fiber *f);

/* mc_print.c */
void mc_print_reset(void);
void mc_trace_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define mc_trace(...) \
    (mc.tracing && mc.idle_rounds < 4 ? mc_trace_line(__VA_ARGS__) : (void)0)
const char *mc_describe(uint64_t address, size_t size);
const char *mc_file(const char *path);

#endif

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
    uint8_t oldest[OBJECTS]; /* the first store of each object it may still read */
    uint32_t clock[THREADS]; /* which operations of each thread happened before */
};

enum thread_state { READY, SPINNING, SLEEPING, SLEEPING_TIMED, ENDED };

struct place_in_source {
    const char *file;
    int line;
};

/* What an operation depends on and others on it. */
enum { FOOT_WRITES = 1, FOOT_SEQ = 2, FOOT_FENCE = 4, FOOT_ALL = 8 };
struct footprint {
    const void *address; /* NULL: a sequentially consistent fence, or all threads' */
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
    unsigned watch_count;  /* since it last waited; the last WATCHED are kept */
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
    bool pausing; /* for a snapshot, that will be gone on from */
    int saved_at; /* operations, at the last snapshot */
    int operations, preempted, stale, spurious, timeouts;
    int idle_rounds; /* how often waiting threads went on since the last store */
    struct place_in_source here;
    uint32_t execution; /* the number of its set-up in this process */
    bool failed;
    bool redundant; /* equivalent to an execution that is explored elsewhere */
    bool tracing;
    bool all; /* redundant ones too */
    char reason[400];
};

extern struct engine mc;

/* mc.c */
void mc_init(void);
/* Zeros, which no snapshot has: for what goes on from one execution to the next, and for
 * what is restored otherwise. */
void *mc_own(size_t size);
/* What the next execution does: always the first alternative; what the last one did; or
 * the next combination, false when there is none. */
void mc_first_choices(void);
void mc_same_choices(void);
bool mc_next_choices(void);
void mc_execute(void);
char *mc_stack_top(int fiber);
void mc_point(struct footprint next);
/* It was an operation too many: report it, and end the execution. */
void mc_count_operation(void);

/* The model itself is wrong: ends the program. */
void mc_at_fault(const char *what) __attribute__((noreturn, cold));

/* mc_place.c: an address that was accessed. */
struct place {
    uintptr_t address;
    size_t size;
    uint16_t index, bucket;
    uint32_t epoch; /* the last snapshot that knows how it was before */
    int object;     /* -1: none now */
    bool freed, quiet;
    uint8_t watch[THREADS]; /* where each thread has it among what it watches */
    int writer;             /* of the last plain write, and its time */
    uint32_t written;
    uint32_t reads[THREADS]; /* plain ones, and atomic accesses, since then */
    uint32_t uses[THREADS];
    struct place_in_source last[THREADS]; /* access of each thread */
};

extern struct place *places;

void place_init(void);
void place_reset(void);
/* Begins to keep how places were, or goes back to that; before the static variables. */
struct place_state {
    int places, undo;
};
struct place_state place_take(void);
void place_restore(struct place_state to);
void *place_arena(size_t *used);
void place_keep(struct place *place);
struct place *place_at(const void *p, size_t size);
/* An access: fails when the memory was freed. */
void place_touch(struct place *place);
/* Fail with `what` when that did not happen before. */
void place_after_write(const struct place *place, const char *what);
void place_after_all(const struct place *place, const uint32_t *times,
                     const char *what);
/* A plain write: ends the object. */
void place_write(struct place *place, size_t size);
void place_fail(const struct place *place, const char *what, int other);

/* mc_memory.c */
void mc_memory_init(void);
void mc_memory_reset(void);
void view_join(struct view *into, const struct view *from);
/* Has anything changed that the thread has read since it last waited? */
bool watch_has_changed(const struct fiber *f);
/* Begins anew; what was read stale will be read anew. */
void watch_reset(struct fiber *f);

/* mc_snapshot.c: how everything was before a choice of the execution under way. */
void snapshot_init(void);
void snapshot_none(void);
void snapshot_take(int choices);
/* Goes back to the last one that was taken before so many choices, and says before how
 * many. -1: there is none. */
int snapshot_restore(int choices);

/* mc_print.c */
void mc_print_reset(void);
void mc_trace_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define mc_trace(...)                                                                  \
    (mc.tracing && mc.idle_rounds < 4 ? mc_trace_line(__VA_ARGS__) : (void)0)
const char *mc_describe(uint64_t address, size_t size);
const char *mc_file(const char *path);

#endif

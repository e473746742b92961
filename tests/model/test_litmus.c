/* test_litmus.c: does the explorer itself follow C11? The classical small programs, and
 * broken ones that it must find. */
#include "base/atomic.h"
#include "base/cc.h"
#include "base/park.h"
#include "base/thread.h"

static ATOMIC(uint32_t) x, y;
static int data;
static uint32_t r1, r2, r3, r4;
static struct park_word word;

static void setup(void)
{
    atomic_set(&x, 0);
    atomic_set(&y, 0);
    atomic_set(&word.value, 0);
    plain_write(&data, 0);
    r1 = r2 = r3 = r4 = 99;
    mc_name(&x, sizeof x, "x");
    mc_name(&y, sizeof y, "y");
    mc_name(&data, sizeof data, "data");
    mc_name(&word, sizeof word, "word");
}

/* ---- store buffering: may both miss the other's store? ---- */

static void not_both_zero(void) { mc_assert(r1 == 1 || r2 == 1); }

static void sb_relaxed(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        r1 = load_relaxed(&y);
    } else {
        store_relaxed(&y, 1);
        r2 = load_relaxed(&x);
    }
}

static void sb_release_acquire(int self)
{
    if (self == 1) {
        store_release(&x, 1);
        r1 = load_acquire(&y);
    } else {
        store_release(&y, 1);
        r2 = load_acquire(&x);
    }
}

static void sb_seq(int self)
{
    if (self == 1) {
        store_seq(&x, 1);
        r1 = load_seq(&y);
    } else {
        store_seq(&y, 1);
        r2 = load_seq(&x);
    }
}

static void sb_fences(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        fence_seq();
        r1 = load_relaxed(&y);
    } else {
        store_relaxed(&y, 1);
        fence_seq();
        r2 = load_relaxed(&x);
    }
}

static void sb_fence_beside_seq(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        fence_seq();
        r1 = load_relaxed(&y);
    } else {
        store_seq(&y, 1);
        r2 = load_seq(&x);
    }
}

/* An acq_rel read-modify-write is no StoreLoad fence. */
static void sb_exchange_for_fence(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        fence_seq();
        r1 = load_relaxed(&y);
    } else {
        (void)exchange_acq_rel(&y, 1);
        r2 = load_relaxed(&x);
    }
}

/* Nor is a seq_cst store before a relaxed load. */
static void sb_seq_store_relaxed_load(int self)
{
    if (self == 1) {
        store_seq(&x, 1);
        r1 = load_relaxed(&y);
    } else {
        store_seq(&y, 1);
        r2 = load_relaxed(&x);
    }
}

/* A barrier in all threads pays for both sides. */
static void sb_barrier(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        r1 = load_relaxed(&y);
    } else {
        store_relaxed(&y, 1);
        thread_barrier_everywhere();
        r2 = load_relaxed(&x);
    }
}

static void sb_barrier_too_early(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        r1 = load_relaxed(&y);
    } else {
        thread_barrier_everywhere();
        store_relaxed(&y, 1);
        r2 = load_relaxed(&x);
    }
}

static void sb_fence_for_barrier(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        r1 = load_relaxed(&y);
    } else {
        store_relaxed(&y, 1);
        fence_seq();
        r2 = load_relaxed(&x);
    }
}

/* Two threads that pay nothing, one that pays for both: is there one order? */
static void iriw_barrier(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
    } else if (self == 2) {
        r1 = load_relaxed(&x);
        thread_barrier_everywhere();
        r2 = load_relaxed(&y);
    } else if (self == 3) {
        store_relaxed(&y, 1);
        r3 = load_relaxed(&x);
    }
}

static void seen_or_sees(void) { mc_assert(r1 != 1 || r2 == 1 || r3 == 1); }

/* ---- message passing: is the data there when the flag is? ---- */

static void mp_release_acquire(int self)
{
    if (self == 1) {
        plain_write(&data, 7);
        store_release(&x, 1);
    } else if (load_acquire(&x)) {
        mc_assert(plain_read(&data) == 7);
    }
}

static void mp_relaxed_store(int self)
{
    if (self == 1) {
        plain_write(&data, 7);
        store_relaxed(&x, 1);
    } else if (load_acquire(&x)) {
        (void)plain_read(&data);
    }
}

static void mp_relaxed_load(int self)
{
    if (self == 1) {
        plain_write(&data, 7);
        store_release(&x, 1);
    } else if (load_relaxed(&x)) {
        (void)plain_read(&data);
    }
}

static void mp_fences(int self)
{
    if (self == 1) {
        plain_write(&data, 7);
        mc_fence_order(MC_RELEASE);
        store_relaxed(&x, 1);
    } else if (load_relaxed(&x)) {
        mc_fence_order(MC_ACQUIRE);
        (void)plain_read(&data);
    }
}

/* A barrier in all threads orders what is atomic ... */
static void mp_barrier(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        store_relaxed(&y, 1);
    } else {
        r1 = load_relaxed(&y);
        thread_barrier_everywhere();
        r2 = load_relaxed(&x);
    }
}

/* ... but, here, not what is plain. */
static void mp_barrier_plain(int self)
{
    if (self == 1) {
        plain_write(&data, 7);
        store_relaxed(&x, 1);
    } else if (load_relaxed(&x)) {
        thread_barrier_everywhere();
        mc_assert(plain_read(&data) == 7);
    }
}

static void mp_atomics_only(int self)
{
    if (self == 1) {
        store_relaxed(&y, 1);
        store_relaxed(&x, 1);
    } else {
        r1 = load_relaxed(&x);
        r2 = load_relaxed(&y);
    }
}

static void not_one_zero(void) { mc_assert(r1 != 1 || r2 == 1); }

/* The flag is replaced on the way: a read-modify-write continues the release sequence,
 * whatever its own order; another thread's store does not. */
static void release_sequence(int self)
{
    uint32_t one = 1;
    if (self == 1) {
        plain_write(&data, 7);
        store_release(&x, 1);
    } else if (self == 2) {
        (void)mc_cas(&x.v, sizeof x.v, &(uint64_t){one}, 2, MC_RELAXED, MC_RELAXED);
    } else if (load_acquire(&x) == 2) {
        (void)plain_read(&data);
    }
}

static void broken_release_sequence(int self)
{
    if (self == 1) {
        plain_write(&data, 7);
        store_release(&x, 1);
    } else if (self == 2) {
        if (load_relaxed(&x) == 1)
            store_relaxed(&x, 2);
    } else if (load_acquire(&x) == 2) {
        (void)plain_read(&data);
    }
}

/* ---- independent reads of independent writes: in one order for everybody? ---- */

static void iriw(int self, enum mc_order write, enum mc_order read)
{
    if (self == 1)
        mc_store(&x.v, sizeof x.v, 1, write);
    if (self == 2)
        mc_store(&y.v, sizeof y.v, 1, write);
    if (self == 3) {
        r1 = (uint32_t)mc_load(&x.v, sizeof x.v, read);
        r2 = (uint32_t)mc_load(&y.v, sizeof y.v, read);
    }
    if (self == 4) {
        r3 = (uint32_t)mc_load(&y.v, sizeof y.v, read);
        r4 = (uint32_t)mc_load(&x.v, sizeof x.v, read);
    }
}

static void iriw_acquire(int self) { iriw(self, MC_RELEASE, MC_ACQUIRE); }
static void iriw_seq(int self) { iriw(self, MC_SEQ, MC_SEQ); }
static void iriw_relaxed_stores(int self) { iriw(self, MC_RELAXED, MC_SEQ); }

static void iriw_fences(int self)
{
    if (self == 1)
        store_relaxed(&x, 1);
    if (self == 2)
        store_relaxed(&y, 1);
    if (self == 3) {
        r1 = load_relaxed(&x);
        fence_seq();
        r2 = load_relaxed(&y);
    }
    if (self == 4) {
        r3 = load_relaxed(&y);
        fence_seq();
        r4 = load_relaxed(&x);
    }
}

static void same_order(void) { mc_assert(!(r1 == 1 && r2 == 0 && r3 == 1 && r4 == 0)); }

/* ---- coherence: one object has one order ---- */

static void corr(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        store_relaxed(&x, 2);
    } else {
        r1 = load_relaxed(&x);
        r2 = load_relaxed(&x);
    }
}

static void never_backwards(void) { mc_assert(r1 <= r2); }

/* Also when the first read is another thread's, and happened before. */
static void corr_across_threads(int self)
{
    if (self == 1)
        store_relaxed(&x, 1);
    if (self == 2) {
        r1 = load_relaxed(&x);
        store_release(&y, 1);
    }
    if (self == 3) {
        r3 = load_acquire(&y);
        r2 = load_relaxed(&x);
    }
}

static void no_older_after(void) { mc_assert(r3 != 1 || r1 <= r2); }

static void increments(int self) { (void)fetch_add_relaxed(&x, (uint32_t)self); }
static void adds_up(void) { mc_assert(load_relaxed(&x) == 6); }

static void lost_update(int self)
{
    uint32_t before = load_relaxed(&x);
    store_relaxed(&x, before + (uint32_t)self);
}

/* A failing CAS is a load, and may see an old value. */
static void cas_fails_stale(int self)
{
    uint32_t e = 5;
    if (self == 1) {
        store_relaxed(&y, 1);
        store_relaxed(&x, 1);
    } else if (load_relaxed(&x) == 1) {
        (void)mc_cas(&y.v, sizeof y.v, &(uint64_t){e}, 9, MC_RELAXED, MC_RELAXED);
        r1 = 1;
        uint64_t seen = e;
        (void)mc_cas(&y.v, sizeof y.v, &seen, 9, MC_RELAXED, MC_RELAXED);
        r2 = (uint32_t)seen;
    }
}

static void two_plus_two(int self)
{
    if (self == 1) {
        store_relaxed(&x, 1);
        store_relaxed(&y, 2);
    } else {
        store_relaxed(&y, 1);
        store_relaxed(&x, 2);
    }
}

/* ---- plain data ---- */

static void plain_race(int self) { plain_write(&data, self); }

static void plain_readers(int self) { (void)plain_read(&data); }

static void lock(void)
{
    while (exchange_acquire(&x, 1))
        cpu_relax();
}

static void spin_lock(int self)
{
    lock();
    plain_write(&data, plain_read(&data) + self);
    store_release(&x, 0);
}

static void spin_lock_relaxed_unlock(int self)
{
    lock();
    plain_write(&data, plain_read(&data) + self);
    store_relaxed(&x, 0);
}

static void data_is_three(void) { mc_assert(plain_read(&data) == 3); }

/* ---- memory that is given back ---- */

struct box {
    ATOMIC(uint32_t) value;
};
static ATOMIC(struct box *) shared;

static void setup_box(void)
{
    struct box *b = mc_alloc(sizeof *b);
    atomic_set(&b->value, 0);
    atomic_set(&shared, b);
    atomic_set(&x, 2);
    mc_name(b, sizeof *b, "box");
    mc_name(&shared, sizeof shared, "shared");
}

static void counted_references(int self)
{
    struct box *b = load_acquire(&shared);
    (void)fetch_add_relaxed(&b->value, 1);
    if (fetch_sub_acq_rel(&x, 1) == 1)
        mc_free(b, sizeof *b);
}

static void freed_too_early(int self)
{
    struct box *b = load_acquire(&shared);
    if (self == 1)
        mc_free(b, sizeof *b);
    else
        (void)load_relaxed(&b->value);
}

/* ---- waiting ---- */

static void wait_for_flag(int self)
{
    if (self == 1) {
        plain_write(&data, 7);
        store_release(&x, 1);
    } else {
        while (!load_acquire(&x))
            cpu_relax();
        mc_assert(plain_read(&data) == 7);
    }
}

static void wait_in_vain(int self)
{
    while (self == 2 && !load_acquire(&x))
        cpu_relax();
}

static void wait_a_while(int self)
{
    for (int i = 0; self == 2 && i < 20 && !load_acquire(&x); i++)
        cpu_relax();
}

static void sleep_and_wake(int self)
{
    if (self == 1) {
        store_release(&word.value, 1);
        park_wake(&word, 1);
    } else {
        while (!load_acquire(&word.value))
            park_wait(&word, 0, PARK_FOREVER);
    }
}

static void sleep_without_loop(int self)
{
    if (self == 1) {
        store_release(&word.value, 1);
        park_wake(&word, 1);
    } else {
        park_wait(&word, 0, PARK_FOREVER);
        mc_assert(load_acquire(&word.value) == 1);
    }
}

static void wake_before_store(int self)
{
    if (self == 1) {
        park_wake(&word, 1);
        store_release(&word.value, 1);
    } else {
        while (!load_acquire(&word.value))
            park_wait(&word, 0, PARK_FOREVER);
    }
}

static void choices(int self)
{
    int a = mc_choose(3), b = mc_choose(2);
    mc_assert(self == 0 || !(a == 2 && b == 1));
}

#define BOUNDS .bounds = {.preemptions = 8, .stale = 8}
#define ALLOWED(f, n, check, why)                                                      \
    {                                                                                  \
        .name = #f, .threads = n, .setup = setup, .thread = f, .final = check,         \
        .fails = why, BOUNDS                                                           \
    }
#define FORBIDDEN(f, n, check)                                                         \
    {                                                                                  \
        .name = #f, .threads = n, .setup = setup, .thread = f, .final = check, BOUNDS  \
    }

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        ALLOWED(sb_relaxed, 2, not_both_zero, "r1 == 1 || r2 == 1"),
        ALLOWED(sb_release_acquire, 2, not_both_zero, "r1 == 1 || r2 == 1"),
        FORBIDDEN(sb_seq, 2, not_both_zero),
        FORBIDDEN(sb_fences, 2, not_both_zero),
        FORBIDDEN(sb_fence_beside_seq, 2, not_both_zero),
        ALLOWED(sb_exchange_for_fence, 2, not_both_zero, "r1 == 1 || r2 == 1"),
        ALLOWED(sb_seq_store_relaxed_load, 2, not_both_zero, "r1 == 1 || r2 == 1"),
        FORBIDDEN(sb_barrier, 2, not_both_zero),
        ALLOWED(sb_barrier_too_early, 2, not_both_zero, "r1 == 1 || r2 == 1"),
        ALLOWED(sb_fence_for_barrier, 2, not_both_zero, "r1 == 1 || r2 == 1"),
        FORBIDDEN(iriw_barrier, 3, seen_or_sees),
        FORBIDDEN(mp_release_acquire, 2, NULL),
        ALLOWED(mp_relaxed_store, 2, NULL, "plain read after plain write of data"),
        ALLOWED(mp_relaxed_load, 2, NULL, "plain read after plain write of data"),
        FORBIDDEN(mp_fences, 2, NULL),
        FORBIDDEN(mp_barrier, 2, not_one_zero),
        ALLOWED(mp_barrier_plain, 2, NULL, "plain read after plain write of data"),
        ALLOWED(mp_atomics_only, 2, not_one_zero, "r1 != 1 || r2 == 1"),
        FORBIDDEN(release_sequence, 3, NULL),
        ALLOWED(broken_release_sequence, 3, NULL, "unordered stores"),
        ALLOWED(iriw_acquire, 4, same_order, "r1 == 1 && r2 == 0"),
        FORBIDDEN(iriw_seq, 4, same_order),
        ALLOWED(iriw_relaxed_stores, 4, same_order, "r1 == 1 && r2 == 0"),
        FORBIDDEN(iriw_fences, 4, same_order),
        FORBIDDEN(corr, 2, never_backwards),
        FORBIDDEN(corr_across_threads, 3, no_older_after),
        FORBIDDEN(increments, 3, adds_up),
        ALLOWED(cas_fails_stale, 2, not_one_zero, "r1 != 1 || r2 == 1"),
        ALLOWED(two_plus_two, 2, NULL, "unordered stores"),
        ALLOWED(plain_race, 2, NULL, "plain write after plain write"),
        FORBIDDEN(plain_readers, 3, NULL),
        FORBIDDEN(spin_lock, 2, data_is_three),
        ALLOWED(spin_lock_relaxed_unlock, 2, data_is_three, "data race"),
        FORBIDDEN(wait_for_flag, 2, NULL),
        ALLOWED(wait_in_vain, 2, NULL, "lost wake-up"),
        FORBIDDEN(wait_a_while, 2, NULL),
        FORBIDDEN(sleep_and_wake, 2, NULL),
        ALLOWED(wake_before_store, 2, NULL, "lost wake-up: everybody sleeps"),
        ALLOWED(choices, 1, NULL, "a == 2 && b == 1"),
        {.name = "lost_update",
         .threads = 3,
         .setup = setup,
         .thread = lost_update,
         .final = adds_up,
         .unordered_stores = true,
         BOUNDS,
         .fails = "load_relaxed(&x) == 6"},
        {.name = "sleep_without_loop",
         .threads = 2,
         .setup = setup,
         .thread = sleep_without_loop,
         .bounds = {.preemptions = 8, .stale = 8, .spurious = 1},
         .fails = "word.value) == 1"},
        {.name = "counted_references",
         .threads = 2,
         .setup = setup_box,
         .thread = counted_references,
         BOUNDS},
        {.name = "freed_too_early",
         .threads = 2,
         .setup = setup_box,
         .thread = freed_too_early,
         BOUNDS,
         .fails = "use after free of box"},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}

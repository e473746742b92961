/* limit.c: a system at its memory limit: sends and tells say CADRE_EFULL, spawns say
 * -ENOMEM, stopping works, and it goes on when memory has come back. */
#include "support/effort.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { LARGE = 64 << 10, SLACK = 4 << 20 };

typedef struct {
    char fill[LARGE];
} large;

static atomic_uint created, dropped, accepted, handled, taken, refused;

static void drop_large(void *body) { atomic_fetch_add(&dropped, 1); }
CADRE_TYPE_DROP(large, drop_large);
typedef struct {
    cadre_ref from;
} go;
CADRE_TYPE(go);

static void ignore_log(void *user, int level, const char *line) {}

static int sink_receive(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&handled, 1);
    atomic_fetch_add(&taken, 1);
    return 0;
}
static const cadre_class sink_class = {.name = "sink", .receive = sink_receive};

typedef struct {
    char fill[LARGE];
} fat;
static const cadre_class fat_class = {
    .name = "fat", .state_size = sizeof(fat), .receive = sink_receive};

/* Sends until it may no more. Returns how many went. */
static unsigned flood(cadre_self *self, cadre_ref to)
{
    static const large body;
    for (unsigned n = 0;; n++) {
        atomic_fetch_add(&created, 1);
        int err = cadre_send_as(self, to, &large_type, &body);
        CHECK(err == 0 || err == CADRE_EFULL);
        atomic_fetch_add(&accepted, err == 0);
        if (err || n > 200) /* the sink keeps up with us, on another worker */
            return n;
    }
}

typedef struct {
    cadre_ref sink;
    bool alone; /* nobody gives memory back while a handler of it runs ... */
    bool stays; /* ... and it finds blocks in its worker's pool */
    unsigned rounds, first;
} root;

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    return cadre_spawn(self, &r->sink, &sink_class, NULL);
}

static void spawn_one(cadre_self *self, root *r)
{
    cadre_ref child = {77};
    int err = cadre_spawn(self, &child, &fat_class, NULL);
    CHECK(err == -ENOMEM || (!r->alone && err == 0));
    CHECK((child.id == 77) == (err != 0));
    if (err)
        atomic_fetch_add(&refused, 1);
}

/* Goes on until the sink has taken more than the first flood: until there was memory for
 * another one. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    atomic_fetch_add(&handled, 1);
    int err = cadre_send(self, cadre_me(self), go, {0});
    CHECK(err == 0 || (!r->stays && err == CADRE_EFULL));
    if (err || verdict_has_failed() ||
        (r->rounds > 0 && atomic_load(&taken) > r->first)) {
        atomic_fetch_add(&accepted, err == 0);
        return CADRE_STOP;
    }
    atomic_fetch_add(&accepted, 1);
    unsigned n = flood(self, r->sink);
    spawn_one(self, r);
    if (r->rounds++ == 0)
        r->first = n;
    return 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

static void play(uint32_t workers, uint64_t seed)
{
    struct short_heap heap;
    cadre_counters c;
    cadre_system *sys;
    root init = {.alone = workers == 1 || seed, .stays = workers == 1};
    created = dropped = accepted = handled = taken = refused = 0;
    verdict_begin(60, " ");
    short_heap_init(&heap, 0, 0);
    cadre_config config = {
        .workers = workers, .seed = seed, .memory_max = SLACK, .log = ignore_log};
    short_heap_serve(&heap, &config);
    int err = cadre_system_new(&sys, &config, &root_class, &init);
    CHECK_EQ(err, 0);
    if (!err) {
        CHECK_EQ(cadre_tell(sys, cadre_system_root(sys), go, {0}), 0);
        accepted++;
        CHECK_EQ(cadre_system_wait(sys), 0);
        CHECK_EQ(cadre_stats(sys, &c), 0);
        CHECK_EQ(c.accepted, accepted);
        CHECK_EQ(c.handled, handled);
        CHECK_EQ(c.handled + c.dead, c.accepted);
        CHECK_EQ(created, dropped);
        CHECK(refused > 0 || !init.alone);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(heap.blocks, 0);
    (void)verdict_end();
}

/* From outside, while a handler keeps the only worker from taking anything. */
static void tell_until_full(void)
{
    static const large body;
    struct short_heap heap;
    cadre_system *sys;
    created = dropped = accepted = handled = taken = 0;
    verdict_begin(60, " ");
    short_heap_init(&heap, 0, 0);
    cadre_config config = {
        .workers = CADRE_NO_WORKERS, .memory_max = SLACK, .log = ignore_log};
    short_heap_serve(&heap, &config);
    CHECK_EQ(cadre_system_new(&sys, &config, &sink_class, NULL), 0);
    int err = 0;
    while (!err && accepted < 200) {
        created++;
        err = cadre_tell_as(sys, cadre_system_root(sys), &large_type, &body);
        accepted += err == 0;
    }
    CHECK_EQ(err, CADRE_EFULL);
    CHECK(cadre_system_poll(sys, 0) > 0);
    created++;
    CHECK_EQ(cadre_tell_as(sys, cadre_system_root(sys), &large_type, &body), 0);
    accepted++;
    CHECK_EQ(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    CHECK_EQ(accepted, handled);
    CHECK_EQ(created, dropped);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(heap.blocks, 0);
    (void)verdict_end();
}

int main(void)
{
    for (uint32_t workers = 1; workers <= 4; workers *= 2)
        play(workers, 0);
    for (uint64_t seed = 1; seed <= 20; seed++)
        play((uint32_t)(seed % 3 + 1), seed);
    tell_until_full();
    return verdict_print();
}

/* mc_place.c: what was accessed where: races, memory that was freed. */
#include "engine.h"

#include <stdio.h>
#include <string.h>

enum { PLACES = 1024, BUCKETS = 1 << 11, UNDO = 1 << 16 };
enum { FREED = 64, QUIET = 16, ARENA = 1 << 20 };

struct range {
    uintptr_t from, to;
};

struct bucket {
    uint32_t execution;
    uint16_t place;
};

struct place *places;
static struct bucket *buckets;
static char *arena;
static int place_count, freed_count, quiet_count;
static struct range freed[FREED], quiet[QUIET];
static size_t arena_used;

/* How places were that were touched since the last snapshot, for each snapshot. */
static struct place *undo;
static int undo_count;
static uint32_t epoch; /* snapshots that there are */

void place_init(void)
{
    places = mc_own(PLACES * sizeof *places);
    buckets = mc_own(BUCKETS * sizeof *buckets);
    arena = mc_own(ARENA); /* aligned, as pages are */
    undo = mc_own(UNDO * sizeof *undo);
}

/* Before a place is changed: how it was, once for each snapshot. */
void place_keep(struct place *place)
{
    if (place->epoch == epoch)
        return;
    if (undo_count == UNDO)
        mc_at_fault("too many places to restore");
    undo[undo_count++] = *place;
    place->epoch = epoch;
}

struct place_state place_take(void)
{
    epoch++;
    return (struct place_state){.places = place_count, .undo = undo_count};
}

void place_restore(struct place_state to)
{
    while (undo_count > to.undo) {
        const struct place *was = &undo[--undo_count];
        places[was->index] = *was;
    }
    while (place_count > to.places)
        buckets[places[--place_count].bucket].execution = 0;
}

void *place_arena(size_t *used)
{
    *used = arena_used;
    return arena;
}

void place_reset(void)
{
    place_count = freed_count = quiet_count = undo_count = 0;
    epoch = 0;
    arena_used = 0;
}

static bool contains(const struct range *ranges, int count, uintptr_t a)
{
    for (int i = 0; i < count; i++)
        if (a - ranges[i].from < ranges[i].to - ranges[i].from)
            return true;
    return false;
}

static void add_range(struct range *ranges, int *count, int max, const void *p,
                      size_t size)
{
    if (*count == max)
        mc_at_fault("too many freed or quiet ranges");
    ranges[(*count)++] = (struct range){(uintptr_t)p, (uintptr_t)p + size};
}

void mc_quiet(const void *p, size_t size)
{
    add_range(quiet, &quiet_count, QUIET, p, size);
    for (int i = 0; i < place_count; i++)
        if (contains(&quiet[quiet_count - 1], 1, places[i].address)) {
            place_keep(&places[i]);
            places[i].quiet = true;
        }
}

struct place *place_at(const void *p, size_t size)
{
    uintptr_t a = (uintptr_t)p;
    size_t b = (size_t)((a * UINT64_C(0x9e3779b97f4a7c15)) >> 53);
    for (; buckets[b].execution == mc.execution; b = (b + 1) % BUCKETS)
        if (places[buckets[b].place].address == a)
            return &places[buckets[b].place];
    if (place_count == PLACES)
        mc_at_fault("too many places");
    buckets[b].execution = mc.execution;
    buckets[b].place = (uint16_t)place_count;
    struct place *place = &places[place_count];
    memset(place, 0, sizeof *place);
    place->index = (uint16_t)place_count++;
    place->epoch = epoch;
    place->address = a;
    place->bucket = (uint16_t)b;
    place->size = size;
    place->object = -1;
    place->freed = contains(freed, freed_count, a);
    place->quiet = contains(quiet, quiet_count, a);
    return place;
}

void place_fail(const struct place *place, const char *what, int other)
{
    const struct place_in_source *o = &place->last[other];
    char text[300];
    snprintf(text, sizeof text, "%s of %s, after thread %d in %s:%d", what,
             mc_describe(place->address, place->size), other,
             o->file ? mc_file(o->file) : "set-up", o->line);
    mc_fail(mc.here.file, mc.here.line, text);
}

void place_touch(struct place *place)
{
    place_keep(place);
    place->last[mc.self] = mc.here;
    if (place->freed)
        place_fail(place, "use after free", mc.self);
}

void place_after_write(const struct place *place, const char *what)
{
    if (mc.fibers[mc.self].now.clock[place->writer] < place->written)
        place_fail(place, what, place->writer);
}

void place_after_all(const struct place *place, const uint32_t *times, const char *what)
{
    for (int t = 0; t < THREADS; t++)
        if (mc.fibers[mc.self].now.clock[t] < times[t])
            place_fail(place, what, t);
}

void place_write(struct place *place, size_t size)
{
    place_touch(place);
    place_after_write(place, "data race: plain write after plain write");
    place_after_all(place, place->reads, "data race: plain write after plain read");
    place_after_all(place, place->uses, "data race: plain write after atomic access");
    memset(place->reads, 0, sizeof place->reads);
    memset(place->uses, 0, sizeof place->uses);
    place->writer = mc.self;
    place->written = ++mc.fibers[mc.self].now.clock[mc.self];
    place->object = -1;
    place->size = size;
}

void mc_plain_write(void *p, size_t size)
{
    mc_count_operation();
    place_write(place_at(p, size), size);
    mc_trace("plain write of %s", mc_describe((uint64_t)p, size));
}

void mc_forget(void *p, size_t size)
{
    mc_count_operation();
    place_write(place_at(p, size), size);
    mc_trace("initialises %s", mc_describe((uint64_t)p, size));
}

void *mc_alloc(size_t size)
{
    size = (size + 127) / 128 * 128;
    if (size > ARENA - arena_used)
        mc_at_fault("too much of mc_alloc");
    void *p = arena + arena_used;
    arena_used += size;
    memset(p, 0, size);
    return p;
}

void mc_free(void *p, size_t size)
{
    mc_count_operation();
    const struct range range = {(uintptr_t)p, (uintptr_t)p + size};
    for (int i = 0; i < place_count; i++)
        if (contains(&range, 1, places[i].address)) {
            place_write(&places[i], places[i].size);
            places[i].freed = true;
        }
    add_range(freed, &freed_count, FREED, p, size);
    mc_trace("frees %s", mc_describe((uint64_t)p, size));
}

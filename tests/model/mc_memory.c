/* mc_memory.c: the explorer's memory: histories, views, races, freed memory.
 *
 * A place is an address that was accessed. While it is atomic it has an object, which is
 * a history of messages: one for each store, with the view that an acquire load of it
 * gets. A plain write ends the object; the next atomic access begins a new one with
 * what is in memory. */
#include "engine.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 1024,
    BUCKETS = 4096,
    HISTORY = 250,
    MESSAGES = 1 << 13,
    FREED = 64,
    QUIET = 8,
    ARENA = 1 << 20
};

struct message {
    uint64_t value;
    int thread;
    uint32_t clock;
    bool carries; /* the view holds more than the thread knew */
    struct view view;
};

struct object {
    int length;
    int last_plain; /* the newest store that was no read-modify-write */
    uint16_t messages[HISTORY];
};

struct place {
    uintptr_t address;
    size_t size;
    int object; /* -1: none now */
    bool freed;
    int writer; /* of the last plain write, and its time */
    uint32_t written;
    uint32_t reads[THREADS]; /* plain ones, and atomic accesses, since then */
    uint32_t uses[THREADS];
    struct place_in_source last[THREADS]; /* access of each thread */
};

struct range {
    uintptr_t from, to;
};

static struct place places[PLACES];
static struct object objects[OBJECTS];
static struct message messages[MESSAGES];
static struct {
    uint64_t execution;
    uint16_t place;
} buckets[BUCKETS];
static int place_count, object_count, message_count, freed_count, quiet_count;
static struct range freed[FREED], quiet[QUIET];
static uint8_t sc_oldest[OBJECTS]; /* what sequentially consistent operations know */
static size_t arena_used;
static alignas(128) char arena[ARENA];

void mc_memory_reset(void)
{
    place_count = object_count = message_count = freed_count = quiet_count = 0;
    memset(sc_oldest, 0, sizeof sc_oldest);
    arena_used = 0;
}

static void limit(const char *what)
{
    fprintf(stderr, "%s: the model is at fault: too many %s\n", mc.test->name, what);
    exit(2);
}

static struct fiber *self(void) { return &mc.fibers[mc.self]; }

static uint32_t tick(void) { return ++self()->now.clock[mc.self]; }

static void raise_oldest(uint8_t *into, const uint8_t *from)
{
    for (int i = 0; i < OBJECTS; i++)
        into[i] = into[i] > from[i] ? into[i] : from[i];
}

void view_join(struct view *into, const struct view *from)
{
    raise_oldest(into->oldest, from->oldest);
    for (int t = 0; t < THREADS; t++)
        if (into->clock[t] < from->clock[t])
            into->clock[t] = from->clock[t];
}

/* ---- places ---- */

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
        limit("freed or quiet ranges");
    ranges[(*count)++] = (struct range){(uintptr_t)p, (uintptr_t)p + size};
}

void mc_quiet(const void *p, size_t size)
{
    add_range(quiet, &quiet_count, QUIET, p, size);
}

static struct place *place_at(const void *p, size_t size)
{
    uintptr_t a = (uintptr_t)p;
    size_t b = (size_t)((a * UINT64_C(0x9e3779b97f4a7c15)) >> 52);
    for (; buckets[b].execution == mc.execution; b = (b + 1) % BUCKETS)
        if (places[buckets[b].place].address == a)
            return &places[buckets[b].place];
    if (place_count == PLACES)
        limit("places");
    buckets[b].execution = mc.execution;
    buckets[b].place = (uint16_t)place_count;
    struct place *place = &places[place_count++];
    memset(place, 0, sizeof *place);
    place->address = a;
    place->size = size;
    place->object = -1;
    place->freed = contains(freed, freed_count, a);
    return place;
}

static void fail_at(const struct place *place, const char *what, int other)
{
    const struct place_in_source *o = &place->last[other];
    char text[300];
    snprintf(text, sizeof text, "%s of %s, after thread %d in %s:%d", what,
             mc_describe(place->address, place->size), other,
             o->file ? mc_file(o->file) : "set-up", o->line);
    mc_fail(mc.here.file, mc.here.line, text);
}

static void touch(struct place *place)
{
    place->last[mc.self] = mc.here;
    if (place->freed)
        fail_at(place, "use after free", mc.self);
}

static void after_plain_write(const struct place *place, const char *what)
{
    if (self()->now.clock[place->writer] < place->written)
        fail_at(place, what, place->writer);
}

static void after_all(const struct place *place, const uint32_t *times, const char *what)
{
    for (int t = 0; t < THREADS; t++)
        if (self()->now.clock[t] < times[t])
            fail_at(place, what, t);
}

static void write_plainly(struct place *place, size_t size)
{
    touch(place);
    after_plain_write(place, "data race: plain write after plain write");
    after_all(place, place->reads, "data race: plain write after plain read");
    after_all(place, place->uses, "data race: plain write after atomic access");
    memset(place->reads, 0, sizeof place->reads);
    memset(place->uses, 0, sizeof place->uses);
    place->writer = mc.self;
    place->written = tick();
    place->object = -1;
    place->size = size;
}

void mc_plain_write(void *p, size_t size)
{
    mc_count_operation();
    write_plainly(place_at(p, size), size);
    mc_trace("plain write of %s", mc_describe((uint64_t)p, size));
}

void mc_forget(void *p, size_t size)
{
    mc_count_operation();
    write_plainly(place_at(p, size), size);
    mc_trace("initialises %s", mc_describe((uint64_t)p, size));
}

static const struct message *message_of(const struct object *o, int index)
{
    return &messages[o->messages[index]];
}

void mc_plain_read(const void *p, size_t size)
{
    mc_count_operation();
    struct place *place = place_at(p, size);
    touch(place);
    after_plain_write(place, "data race: plain read after plain write");
    if (place->object >= 0) {
        const struct object *o = &objects[place->object];
        const struct message *m = message_of(o, o->length - 1);
        if (self()->now.clock[m->thread] < m->clock)
            fail_at(place, "data race: plain read after atomic store", m->thread);
    }
    place->reads[mc.self] = tick();
    mc_trace("plain read of %s", mc_describe((uint64_t)p, size));
}

void *mc_alloc(size_t size)
{
    size = (size + 127) / 128 * 128;
    if (size > ARENA - arena_used)
        limit("bytes of mc_alloc");
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
            write_plainly(&places[i], places[i].size);
            places[i].freed = true;
        }
    add_range(freed, &freed_count, FREED, p, size);
    mc_trace("frees %s", mc_describe((uint64_t)p, size));
}

/* ---- atomic objects ---- */

static bool acquires(enum mc_order o) { return o == MC_ACQUIRE || o >= MC_ACQ_REL; }
static bool releases(enum mc_order o) { return o >= MC_RELEASE; }

static const char *order_name(enum mc_order order)
{
    static const char *const names[] = {"relaxed", "acquire", "release", "acq_rel",
                                        "seq_cst"};
    return names[order];
}

static struct message *add_message(struct object *o, uint64_t value)
{
    if (o->length == HISTORY || message_count == MESSAGES)
        mc_fail(mc.here.file, mc.here.line, "it runs for ever: too many stores");
    struct message *m = &messages[message_count];
    o->messages[o->length++] = (uint16_t)message_count++;
    m->value = value;
    return m;
}

static uint64_t in_memory(const struct place *place)
{
    const void *p = (const void *)place->address;
    switch (place->size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        return *(const uint16_t *)p;
    case 4:
        return *(const uint32_t *)p;
    default:
        return *(const uint64_t *)p;
    }
}

static void set_memory(const struct place *place, uint64_t value)
{
    memcpy((void *)place->address, &value, place->size);
}

/* Begins a history with what is in memory. */
static void begin_object(struct place *place)
{
    if (object_count == OBJECTS)
        limit("atomic objects");
    place->object = object_count++;
    struct object *o = &objects[place->object];
    o->length = o->last_plain = 0;
    struct message *m = add_message(o, in_memory(place));
    m->thread = place->writer;
    m->clock = place->written;
    m->carries = false;
    memset(&m->view, 0, sizeof m->view);
}

/* The choice of threads, then the object. */
static struct place *enter(const void *p, size_t size, unsigned what,
                           enum mc_order order)
{
    if (quiet_count && contains(quiet, quiet_count, (uintptr_t)p))
        mc_count_operation();
    else
        mc_point((struct footprint){p, what | (order == MC_SEQ ? FOOT_SEQ : 0)});
    struct place *place = place_at(p, size);
    touch(place);
    if (place->object >= 0) {
        const struct object *o = &objects[place->object];
        if (place->size != size)
            mc_fail(mc.here.file, mc.here.line, "accesses of different sizes");
        if (message_of(o, o->length - 1)->value != in_memory(place))
            write_plainly(place, size); /* somebody did, unmarked: take it to be us */
    }
    if (size != 1 && size != 2 && size != 4 && size != 8)
        limit("bytes in an atomic object");
    place->size = size;
    after_plain_write(place, "data race: atomic access after plain write");
    if (place->object < 0)
        begin_object(place);
    place->uses[mc.self] = tick();
    return place;
}

static void watch(const struct place *place, uint64_t value, bool stale)
{
    struct fiber *f = self();
    uint16_t index = (uint16_t)(place - places);
    unsigned kept = f->watch_count < WATCHED ? f->watch_count : WATCHED;
    struct watch *w = NULL;
    for (unsigned i = 0; i < kept && !w; i++)
        if (f->watched[i].place == index)
            w = &f->watched[i];
    if (!w)
        w = &f->watched[f->watch_count++ % WATCHED];
    *w = (struct watch){.place = index, .stale = stale, .value = value};
}

bool watch_has_changed(const struct fiber *f)
{
    unsigned kept = f->watch_count < WATCHED ? f->watch_count : WATCHED;
    for (unsigned i = 0; i < kept; i++)
        if (f->watched[i].value != in_memory(&places[f->watched[i].place]))
            return true;
    return false;
}

void watch_reset(struct fiber *f)
{
    unsigned kept = f->watch_count < WATCHED ? f->watch_count : WATCHED;
    for (unsigned i = 0; i < kept; i++) {
        int o = places[f->watched[i].place].object;
        if (f->watched[i].stale && o >= 0)
            f->now.oldest[o] = (uint8_t)(objects[o].length - 1);
    }
    f->watch_count = 0;
}

/* The first store that a load may return. */
static int oldest(int object, enum mc_order order)
{
    int i = self()->now.oldest[object];
    return order == MC_SEQ && sc_oldest[object] > i ? sc_oldest[object] : i;
}

static uint64_t read_message(const struct place *place, int index, enum mc_order order)
{
    struct fiber *f = self();
    const struct object *o = &objects[place->object];
    const struct message *m = message_of(o, index);
    f->now.oldest[place->object] = (uint8_t)index;
    if (m->carries || f->now.clock[m->thread] < m->clock) /* else nothing is new */
        view_join(acquires(order) ? &f->now : &f->to_acquire, &m->view);
    bool stale = index < o->length - 1;
    mc.stale += stale;
    watch(place, m->value, stale);
    return m->value;
}

/* carried: the view of the store that a read-modify-write replaces; it continues that
 * one's release sequence. */
static void append(struct place *place, uint64_t value, enum mc_order order,
                   const struct message *carried)
{
    struct fiber *f = self();
    struct object *o = &objects[place->object];
    uint8_t index = (uint8_t)o->length;
    struct message *m = add_message(o, 0);
    set_memory(place, value);
    m->value = in_memory(place); /* cut to size */
    m->thread = mc.self;
    m->clock = f->now.clock[mc.self];
    f->now.oldest[place->object] = index;
    m->view = releases(order) ? f->now : f->released;
    m->carries = carried != NULL && !acquires(order);
    if (carried)
        view_join(&m->view, &carried->view);
    else
        o->last_plain = index;
    if (order == MC_SEQ)
        sc_oldest[place->object] = index;
    mc.idle_rounds = 0;
    watch(place, m->value, false);
}

uint64_t mc_load(const void *p, size_t size, enum mc_order order)
{
    struct place *place = enter(p, size, 0, order);
    int newest = objects[place->object].length - 1;
    int low = oldest(place->object, order);
    if (mc.stale >= mc.bounds.stale || mc.self == 0)
        low = newest;
    int i = newest - mc_choose(newest - low + 1);
    uint64_t value = read_message(place, i, order);
    mc_trace("load %s %s -> %s%s", order_name(order),
             mc_describe((uint64_t)p, size), mc_describe(value, 0),
             i < newest ? ", stale" : "");
    return value;
}

void mc_store(void *p, size_t size, uint64_t value, enum mc_order order)
{
    struct place *place = enter(p, size, FOOT_WRITES, order);
    const struct object *o = &objects[place->object];
    const struct message *last = message_of(o, o->last_plain);
    after_all(place, place->reads, "data race: atomic store after plain read");
    if (!mc.test->unordered_stores &&
        self()->now.clock[last->thread] < last->clock)
        fail_at(place, "unordered stores: one", last->thread);
    append(place, value, order, NULL);
    mc_trace("store %s %s = %s", order_name(order), mc_describe((uint64_t)p, size),
             mc_describe(value, 0));
}

enum change { EXCHANGE, ADD, OR, AND };

static uint64_t modify(void *p, size_t size, enum change change, uint64_t value,
                       enum mc_order order)
{
    static const char *const names[] = {"exchange", "add", "or", "and"};
    struct place *place = enter(p, size, FOOT_WRITES, order);
    const struct object *o = &objects[place->object];
    const struct message *m = message_of(o, o->length - 1);
    after_all(place, place->reads, "data race: atomic store after plain read");
    uint64_t before = read_message(place, o->length - 1, order);
    uint64_t after = change == EXCHANGE ? value
                     : change == ADD    ? before + value
                     : change == OR     ? before | value
                                        : before & value;
    append(place, after, order, m);
    mc_trace("%s %s %s: %s -> %s", names[change], order_name(order),
             mc_describe((uint64_t)p, size), mc_describe(before, 0),
             mc_describe(in_memory(place), 0));
    return before;
}

uint64_t mc_exchange(void *p, size_t size, uint64_t value, enum mc_order order)
{
    return modify(p, size, EXCHANGE, value, order);
}

uint64_t mc_add(void *p, size_t size, uint64_t value, enum mc_order order)
{
    return modify(p, size, ADD, value, order);
}

uint64_t mc_or(void *p, size_t size, uint64_t value, enum mc_order order)
{
    return modify(p, size, OR, value, order);
}

uint64_t mc_and(void *p, size_t size, uint64_t value, enum mc_order order)
{
    return modify(p, size, AND, value, order);
}

bool mc_cas(void *p, size_t size, uint64_t *expected, uint64_t value, enum mc_order ok,
            enum mc_order fail)
{
    struct place *place = enter(p, size, FOOT_WRITES, ok);
    const struct object *o = &objects[place->object];
    int newest = o->length - 1, seen[HISTORY], n = 0;
    seen[n++] = newest;
    if (mc.stale < mc.bounds.stale && mc.self != 0) /* failing is just a load */
        for (int i = newest - 1; i >= oldest(place->object, fail); i--)
            if (message_of(o, i)->value != *expected)
                seen[n++] = i;
    int i = seen[mc_choose(n)];
    const struct message *m = message_of(o, i);
    if (m->value != *expected) {
        uint64_t wanted = *expected;
        *expected = read_message(place, i, fail);
        mc_trace("cas %s: %s for %s, wanted %s%s", mc_describe((uint64_t)p, size),
                 "fails", mc_describe(*expected, 0), mc_describe(wanted, 0),
                 i < newest ? ", stale" : "");
        return false;
    }
    after_all(place, place->reads, "data race: atomic store after plain read");
    read_message(place, i, ok);
    append(place, value, ok, m);
    mc_trace("cas %s %s: %s -> %s", order_name(ok), mc_describe((uint64_t)p, size),
             mc_describe(*expected, 0), mc_describe(value, 0));
    return true;
}

void mc_fence_order(enum mc_order order)
{
    if (order == MC_SEQ)
        mc_point((struct footprint){NULL, FOOT_FENCE | FOOT_SEQ});
    struct fiber *f = self();
    if (acquires(order))
        view_join(&f->now, &f->to_acquire);
    if (order == MC_SEQ) {
        raise_oldest(sc_oldest, f->now.oldest);
        memcpy(f->now.oldest, sc_oldest, sizeof sc_oldest);
    }
    if (releases(order))
        f->released = f->now;
    mc_trace("fence %s", order_name(order));
}

/* mc_memory.c: the explorer's memory: histories of stores, and who may read which.
 *
 * A place is an address that was accessed. While it is atomic it has an object, which is
 * a history of messages: one for each store, with the view that an acquire load of it
 * gets. A plain write ends the object; the next atomic access begins a new one with
 * what is in memory. */
#include "engine.h"

#include <assert.h>
#include <string.h>

enum { HISTORY = 250, MESSAGES = 1 << 13 };
enum { STEP = 32 }; /* objects in views are looked at so many at a time */
static_assert(OBJECTS % STEP == 0, "views have an odd size");

struct message {
    uint64_t value;
    int thread;
    uint32_t clock;
    bool carries; /* the view holds more than the thread knew */
    int known;    /* so much of the view is filled in */
    struct view view;
};

struct object {
    int length;
    int last_plain; /* the newest store that was no read-modify-write */
    uint16_t *messages;
};

static struct object objects[OBJECTS];
static uint16_t (*histories)[HISTORY]; /* of the objects: only added to */
static struct message *messages;       /* the same */
static int object_count, message_count;
static uint8_t sc_oldest[OBJECTS]; /* what sequentially consistent operations know */

void mc_memory_init(void)
{
    histories = mc_own(OBJECTS * sizeof *histories);
    messages = mc_own(MESSAGES * sizeof *messages);
    place_init();
}

void mc_memory_reset(void)
{
    place_reset();
    object_count = message_count = 0;
    memset(sc_oldest, 0, sizeof sc_oldest);
}

static struct fiber *self(void) { return &mc.fibers[mc.self]; }

static uint32_t tick(void) { return ++self()->now.clock[mc.self]; }

/* How much of a view may be other than zero. */
static int known(void) { return (object_count + STEP - 1) / STEP * STEP; }

static void raise_oldest(uint8_t *into, const uint8_t *from, int known)
{
    for (int i = 0; i < known; i += STEP)
        for (int j = i; j < i + STEP; j++)
            into[j] = into[j] > from[j] ? into[j] : from[j];
}

static void copy_oldest(uint8_t *into, const uint8_t *from, int known)
{
    for (int i = 0; i < known; i += STEP)
        memcpy(into + i, from + i, STEP);
}

static void join(struct view *into, const struct view *from, int known)
{
    raise_oldest(into->oldest, from->oldest, known);
    for (int t = 0; t < THREADS; t++)
        if (into->clock[t] < from->clock[t])
            into->clock[t] = from->clock[t];
}

void view_join(struct view *into, const struct view *from)
{
    join(into, from, known());
}

static void view_copy(struct view *into, const struct view *from)
{
    copy_oldest(into->oldest, from->oldest, known());
    memcpy(into->clock, from->clock, sizeof into->clock);
}

static const struct message *message_of(const struct object *o, int index)
{
    return &messages[o->messages[index]];
}

void mc_plain_read(const void *p, size_t size)
{
    mc_count_operation();
    struct place *place = place_at(p, size);
    place_touch(place);
    place_after_write(place, "data race: plain read after plain write");
    if (place->object >= 0) {
        const struct object *o = &objects[place->object];
        const struct message *m = message_of(o, o->length - 1);
        if (self()->now.clock[m->thread] < m->clock)
            place_fail(place, "data race: plain read after atomic store", m->thread);
    }
    place->reads[mc.self] = tick();
    mc_trace("plain read of %s", mc_describe((uint64_t)p, size));
}

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
        mc_at_fault("too many atomic objects");
    place->object = object_count++;
    struct object *o = &objects[place->object];
    o->length = o->last_plain = 0;
    o->messages = histories[place->object];
    struct message *m = add_message(o, in_memory(place));
    m->thread = place->writer;
    m->clock = place->written;
    m->carries = false;
    memset(m->view.clock, 0, sizeof m->view.clock);
    m->known = 0;
}

/* The choice of threads, then the object. */
static struct place *enter(const void *p, size_t size, unsigned what,
                           enum mc_order order)
{
    struct place *place = place_at(p, size);
    if (place->quiet)
        mc_count_operation();
    else
        mc_point((struct footprint){p, what | (order == MC_SEQ ? FOOT_SEQ : 0)});
    place_touch(place);
    if (place->object >= 0) {
        const struct object *o = &objects[place->object];
        if (place->size != size)
            mc_fail(mc.here.file, mc.here.line, "accesses of different sizes");
        if (message_of(o, o->length - 1)->value != in_memory(place))
            place_write(place, size); /* somebody did, unmarked: take it to be us */
    }
    if (size != 1 && size != 2 && size != 4 && size != 8)
        mc_at_fault("an atomic object of that size");
    place->size = size;
    place_after_write(place, "data race: atomic access after plain write");
    if (place->object < 0)
        begin_object(place);
    place->uses[mc.self] = tick();
    return place;
}

static unsigned watches(const struct fiber *f)
{
    return f->watch_count < WATCHED ? f->watch_count : WATCHED;
}

static void watch(struct place *place, uint64_t value, bool stale)
{
    struct fiber *f = self();
    unsigned i = place->watch[mc.self];
    if (i >= watches(f) || f->watched[i].place != place->index) {
        place_keep(place);
        place->watch[mc.self] = (uint8_t)(i = f->watch_count++ % WATCHED);
    }
    f->watched[i] =
        (struct watch){.place = place->index, .stale = stale, .value = value};
}

bool watch_has_changed(const struct fiber *f)
{
    unsigned kept = watches(f);
    for (unsigned i = 0; i < kept; i++)
        if (f->watched[i].value != in_memory(&places[f->watched[i].place]))
            return true;
    return false;
}

void watch_reset(struct fiber *f)
{
    unsigned kept = watches(f);
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

static uint64_t read_message(struct place *place, int index, enum mc_order order)
{
    struct fiber *f = self();
    const struct object *o = &objects[place->object];
    const struct message *m = message_of(o, index);
    f->now.oldest[place->object] = (uint8_t)index;
    if (m->carries || f->now.clock[m->thread] < m->clock) /* else nothing is new */
        join(acquires(order) ? &f->now : &f->to_acquire, &m->view, m->known);
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
    view_copy(&m->view, releases(order) ? &f->now : &f->released);
    m->known = known();
    m->carries = carried != NULL && !acquires(order);
    if (carried)
        join(&m->view, &carried->view, carried->known);
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
    mc_trace("load %s %s -> %s%s", order_name(order), mc_describe((uint64_t)p, size),
             mc_describe(value, 0), i < newest ? ", stale" : "");
    return value;
}

void mc_store(void *p, size_t size, uint64_t value, enum mc_order order)
{
    struct place *place = enter(p, size, FOOT_WRITES, order);
    const struct object *o = &objects[place->object];
    const struct message *last = message_of(o, o->last_plain);
    place_after_all(place, place->reads, "data race: atomic store after plain read");
    if (!mc.test->unordered_stores && self()->now.clock[last->thread] < last->clock)
        place_fail(place, "unordered stores: one", last->thread);
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
    place_after_all(place, place->reads, "data race: atomic store after plain read");
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
    if (size < 8)
        *expected &= (UINT64_C(1) << 8 * size) - 1; /* of a negative number */
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
    place_after_all(place, place->reads, "data race: atomic store after plain read");
    read_message(place, i, ok);
    append(place, value, ok, m);
    mc_trace("cas %s %s: %s -> %s", order_name(ok), mc_describe((uint64_t)p, size),
             mc_describe(*expected, 0), mc_describe(value, 0));
    return true;
}

static void fence(enum mc_order order)
{
    struct fiber *f = self();
    if (acquires(order))
        view_join(&f->now, &f->to_acquire);
    if (order == MC_SEQ) {
        raise_oldest(sc_oldest, f->now.oldest, known());
        copy_oldest(f->now.oldest, sc_oldest, known());
    }
    if (releases(order))
        view_copy(&f->released, &f->now);
}

void mc_fence_order(enum mc_order order)
{
    if (order == MC_SEQ)
        mc_point((struct footprint){NULL, FOOT_FENCE | FOOT_SEQ});
    fence(order);
    mc_trace("fence %s", order_name(order));
}

void mc_barrier(void)
{
    mc_point((struct footprint){NULL, FOOT_ALL});
    fence(MC_SEQ);
    for (int t = 1; t <= mc.test->threads; t++)
        raise_oldest(sc_oldest, mc.fibers[t].now.oldest, known());
    for (int t = 1; t <= mc.test->threads; t++)
        copy_oldest(mc.fibers[t].now.oldest, sc_oldest, known());
    mc_trace("barrier in all threads");
}

/* stage.h: a world with one worker, stepped by hand, and the threads outside. */
#ifndef UNIT_ACTOR_STAGE_H
#define UNIT_ACTOR_STAGE_H

#include "actor/deadletter.h"
#include "actor/send.h"
#include "actor/spawn.h"
#include "actor/turn.h"
#include "support/support.h"

enum { TAG = 3 };

static struct world world;
static struct cadre_self outside, self; /* of the worker */
static struct worker *worker;

static void anybody_ended(struct world *w, int reason) {}

static int make_world(void **state)
{
    (void)quiet(1, 1); /* forgets the lines of the test before */
    record_clear();
    world = (struct world){.log = {collect_line, NULL, LOG_DEBUG}, .tag = TAG};
    heap_init(&world.heap, NULL, NULL, SIZE_MAX);
    pool_depot_init(&world.depot, &world.heap);
    table_init(&world.table, &world.heap);
    world.table.tag_bits = (uint64_t)TAG << 56;
    world.root_ended = anybody_ended;
    world.outside = &outside;
    if (sched_init(&world.sched, &world.heap, SCHED_POLLED, 1, false, 1))
        return -1;
    world.sched.crew.clock.is_virtual = true;
    world.sched.crew.run = turn_run;
    worker = &world.sched.crew.workers[0];
    self_init(&outside, &world, NULL);
    self_init(&self, &world, worker);
    worker->context = &self;
    clock_advance(&world.sched.crew.clock, 1);
    return deadletter_report_init(&world);
}

static int end_world(void **state)
{
    deadletter_report_fini(&world);
    sched_fini(&world.sched);
    table_fini(&world.table);
    pool_depot_fini(&world.depot);
    return load_relaxed(&world.heap.bytes) == 0 ? 0 : -1;
}

/* A root, about to start. */
static inline struct cell *born(const cadre_class *class, const void *init)
{
    struct cell *cell = NULL;
    assert_int_equal(spawn_actor(&outside, NULL, &cell, class, init), 0);
    spawn_schedule(&outside, cell);
    return cell;
}

/* From the threads outside. */
static inline void tell(uint64_t to, const cadre_type *type, const void *body)
{
    struct envelope *e = NULL;
    assert_int_equal(send_prepare(&outside, &e, 0, type, body), 0);
    send_deliver(&outside, e, to);
}

static inline void tell_number(const struct cell *to, uint64_t value)
{
    tell(cell_address(to), &number_type, &(number){value});
}

/* A letter with a tail, as if this one had sent it. */
static inline void write_to(const struct cell *from, uint64_t to, enum letter_kind kind,
                            uint64_t token, const cadre_type *type, const void *body)
{
    struct envelope *e = NULL;
    assert_int_equal(send_prepare(&outside, &e, kind, type, body), 0);
    e->from = cell_address(from);
    envelope_tail(e)->token = token;
    send_deliver(&outside, e, to);
}

static inline void run_dry(void)
{
    for (int i = 0; worker_step(worker); i++)
        assert_in_range(i, 0, 100000);
}

#endif

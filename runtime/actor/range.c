/* range.c: loops in parallel: split by halves while somebody takes them.
 *
 * Who has a range runs it part by part. Whenever nothing waits on its worker it first
 * leaves the right half of what is left for others; so a range is split as often as
 * somebody takes a half, and hardly at all when nobody does (Tzannes and others, "Lazy
 * Binary-Splitting", 2010). A half that nobody took is run in the join, in the same way:
 * it is at most half as long, so that this nests no deeper than the range has bits.
 *
 * A reduction has a view for each half that was left, and merges them from left to right
 * when all have come back. */
#include <cadre/scope.h>

#include "actor/fork.h"
#include "sched/scope.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { HALVES_MAX = 8, PARTS_PER_WORKER = 64 };

struct loop {
    cadre_loop *each; /* this, or a reduction */
    const cadre_reduction *how;
    void *arg;
    size_t grain;
};

struct part {
    struct scope_job job;
    const struct loop *loop;
    size_t begin, end;
    void *view;
};

struct half {
    struct part part;
    alignas(max_align_t) unsigned char view[CADRE_VIEW_MAX];
};

static int run_range(struct worker *w, const struct scope *in,
                     const struct part *range);

static int run_part(cadre_scope *in, void *arg)
{
    const struct part *p = arg;
    const struct loop *loop = p->loop;
    return loop->each ? loop->each(in, p->begin, p->end, loop->arg)
                      : loop->how->add(in, p->view, p->begin, p->end, loop->arg);
}

static void init_view(const struct loop *loop, void *view)
{
    if (!loop->how)
        return;
    memset(view, 0, loop->how->size);
    if (loop->how->init)
        loop->how->init(view, loop->arg);
}

static int run_half(cadre_scope *in, void *arg)
{
    const struct part *p = arg;
    init_view(p->loop, p->view);
    return run_range(worker_current(), (const struct scope *)(const void *)in, p);
}

/* Is it time to leave a half to others? */
static bool leaves_half(struct worker *w)
{
    if (unlikely(w->shuffled))
        return rng_below(&w->rng, 2) == 0;
    return w->crew->count > 1 && load_relaxed(&w->jobs.waiting) == 0; /* our own */
}

static void leave_half(struct worker *w, struct scope *s, struct half *half,
                       struct part *rest)
{
    size_t middle = rest->begin + (rest->end - rest->begin) / 2;
    half->part = (struct part){
        .loop = rest->loop, .begin = middle, .end = rest->end, .view = half->view};
    rest->end = middle;
    if (scope_spawn(w, s, &half->part.job, run_half, &half->part))
        scope_attend(w, s);
}

/* In a scope of its own, so that an error ends it and nothing else. */
static int run_range(struct worker *w, const struct scope *in, const struct part *range)
{
    struct half halves[HALVES_MAX];
    struct scope s;
    struct part rest = *range;
    size_t grain = rest.loop->grain;
    int used = 0;
    scope_open(w, &s, in);
    while (rest.begin < rest.end && !scope_is_cancelled(&s)) {
        while (used < HALVES_MAX && rest.end - rest.begin > grain && leaves_half(w))
            leave_half(w, &s, &halves[used++], &rest);
        struct part now = rest;
        if (now.end - now.begin > grain)
            now.end = now.begin + grain;
        scope_run(w, &s, &now.job, run_part, &now);
        rest.begin = now.end;
    }
    int err = scope_sync(w, &s);
    if (unlikely(load_relaxed(&s.has_forgot))) /* the join has ordered it */
        fork_report("a part of a loop");
    while (!err && rest.loop->how && used-- > 0)
        rest.loop->how->merge(rest.view, halves[used].view, rest.loop->arg);
    return err;
}

static size_t choose_grain(struct worker *w, size_t count)
{
    if (unlikely(w->shuffled))
        return 1 + rng_below(&w->rng, (uint32_t)(count < 1000 ? count + 1 : 1000));
    if (w->crew->count <= 1)
        return SIZE_MAX;
    return 1 + count / (w->crew->count * (size_t)PARTS_PER_WORKER);
}

static int run_loop(struct worker *w, const cadre_scope *in, struct loop *loop,
                    struct part *range)
{
    const struct cadre_self *before = self_leave();
    if (loop->grain == 0)
        loop->grain = choose_grain(w, range->end - range->begin);
    init_view(loop, range->view);
    int err = run_range(w, (const struct scope *)(const void *)in, range);
    self_here = before;
    return err;
}

int cadre_parallel_for(cadre_scope *in, size_t begin, size_t end, size_t grain,
                       cadre_loop *loop, void *arg)
{
    int err = 0;
    struct worker *w =
        fork_worker_in((struct scope *)(void *)in, "cadre_parallel_for", &err);
    if (unlikely(!w))
        return err;
    if (unlikely(!loop))
        return fork_misuse(-EINVAL, "cadre_parallel_for", "the loop is NULL");
    struct loop l = {.each = loop, .arg = arg, .grain = grain};
    struct part range = {.loop = &l, .begin = begin, .end = begin < end ? end : begin};
    return run_loop(w, in, &l, &range);
}

int cadre_parallel_reduce(cadre_scope *in, void *result, size_t begin, size_t end,
                          size_t grain, const cadre_reduction *how, void *arg)
{
    int err = 0;
    struct worker *w =
        fork_worker_in((struct scope *)(void *)in, "cadre_parallel_reduce", &err);
    if (unlikely(!w))
        return err;
    if (unlikely(!result || !how || !how->add || !how->merge))
        return fork_misuse(-EINVAL, "cadre_parallel_reduce",
                           "the result, the reduction or one of its hooks is NULL");
    if (unlikely(how->size == 0 || how->size > CADRE_VIEW_MAX))
        return fork_misuse(-EINVAL, "cadre_parallel_reduce", "the size of a view");
    alignas(max_align_t) unsigned char view[CADRE_VIEW_MAX];
    struct loop l = {.how = how, .arg = arg, .grain = grain};
    struct part range = {
        .loop = &l, .begin = begin, .end = begin < end ? end : begin, .view = view};
    err = run_loop(w, in, &l, &range);
    if (!err)
        memcpy(result, view, how->size);
    return err;
}

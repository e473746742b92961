/* sample.h: one computation with scopes, loops and reductions, compiled twice: with the
 * functions of <cadre/scope.h>, and as their serial elision. */
#ifndef SUPPORT_SAMPLE_H
#define SUPPORT_SAMPLE_H

#include <cadre/scope.h>

/* What came out, the same in every run: results, errors and texts in one number. */
struct sample {
    uint64_t sum, text;
    int64_t error;
};

/* By plain calls. */
struct sample sample_serially(cadre_self *self);

static inline uint64_t sample_mix(uint64_t a, uint64_t b)
{
    return (a ^ b) * UINT64_C(0x100000001b3) + 1;
}

struct sample_fib {
    int n;
    uint64_t result;
};

static inline int sample_fib(cadre_scope *in, void *arg)
{
    struct sample_fib *me = (struct sample_fib *)arg;
    if (me->n < 2) {
        me->result = (uint64_t)me->n;
        return 0;
    }
    cadre_scope s;
    cadre_job job;
    struct sample_fib one = {me->n - 1, 0}, two = {me->n - 2, 0};
    int err = cadre_scope_nest(in, &s);
    if (!err)
        err = cadre_scope_spawn(&s, &job, sample_fib, &one);
    if (!err)
        err = sample_fib(&s, &two);
    int joined = cadre_scope_sync(&s);
    me->result = one.result + two.result;
    return err ? err : joined;
}

static inline int sample_fill(cadre_scope *in, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++)
        ((uint64_t *)arg)[i] = sample_mix(i, i * i);
    return 0;
}

static inline int sample_fail(cadre_scope *in, size_t begin, size_t end, void *arg)
{
    return begin <= 50 && 50 < end ? -77 : 0;
}

/* Not commutative: the digits of a number, and how many. */
struct sample_text {
    uint64_t text, scale;
};

static inline void sample_init(void *view, void *arg)
{
    ((struct sample_text *)view)->scale = 1;
}

static inline int sample_add(cadre_scope *in, void *view, size_t begin, size_t end,
                             void *arg)
{
    struct sample_text *t = (struct sample_text *)view;
    for (size_t i = begin; i < end; i++) {
        t->text = t->text * 31 + ((const uint64_t *)arg)[i];
        t->scale *= 31;
    }
    return 0;
}

static inline void sample_merge(void *view, const void *right, void *arg)
{
    struct sample_text *t = (struct sample_text *)view;
    const struct sample_text *r = (const struct sample_text *)right;
    t->text = t->text * r->scale + r->text;
    t->scale *= r->scale;
}

static inline struct sample sample_run(cadre_self *self)
{
    enum { COUNT = 1000 };
    static const cadre_reduction how = {sizeof(struct sample_text), sample_init,
                                        sample_add, sample_merge};
    struct sample result = {0, 0, 0};
    uint64_t numbers[COUNT];
    struct sample_fib fib = {15, 0};
    struct sample_text text = {0, 0};
    cadre_scope s;
    cadre_job job;
    int err = cadre_scope_open(self, &s);
    if (!err)
        err = cadre_scope_spawn(&s, &job, sample_fib, &fib);
    if (!err)
        err = cadre_parallel_for(&s, 0, COUNT, 7, sample_fill, numbers);
    if (!err)
        err = cadre_scope_sync(&s);
    if (!err)
        err = cadre_parallel_reduce(&s, &text, 0, COUNT, 0, &how, numbers);
    if (!err)
        err = cadre_parallel_for(&s, 0, 100, 1, sample_fail, 0);
    result.sum = fib.result;
    result.text = text.text;
    result.error = err;
    return result;
}

#endif

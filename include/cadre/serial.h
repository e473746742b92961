/* serial.h: the functions of scope.h as plain calls; included by it for CADRE_SERIAL.
 *
 * A spawn calls the task; the scope holds nothing but the first error. Names and results
 * are those of scope.h, and calls from the wrong place are not refused. */
#ifndef CADRE_SERIAL_H
#define CADRE_SERIAL_H
#include <cadre/scope.h>
#ifdef CADRE_SERIAL

#include <errno.h>
#include <string.h>

/* reserved[0]: the error, as it is; reserved[1]: the scope it is nested in. */
static inline int cadre_scope_open(cadre_self *self, cadre_scope *s)
{
    if (!self || !s)
        return -EINVAL;
    memset(s, 0, sizeof *s);
    return 0;
}

static inline int cadre_scope_nest(cadre_scope *in, cadre_scope *s)
{
    if (!in || !s)
        return -EINVAL;
    memset(s, 0, sizeof *s);
    s->reserved[1] = (uint64_t)(uintptr_t)in;
    return 0;
}

static inline bool cadre_scope_is_cancelled(const cadre_scope *s)
{
    for (; s; s = (const cadre_scope *)(uintptr_t)s->reserved[1])
        if (s->reserved[0])
            return true;
    return false;
}

static inline int cadre_scope_spawn(cadre_scope *s, cadre_job *job, cadre_task *task,
                                    void *arg)
{
    if (!s || !job || !task)
        return -EINVAL;
    int err = cadre_scope_is_cancelled(s) ? -ECANCELED : task(s, arg);
    if (err && !s->reserved[0])
        s->reserved[0] = (uint64_t)(int64_t)(err < 0 ? err : -EINVAL);
    return 0;
}

static inline int cadre_scope_sync(cadre_scope *s)
{
    if (!s)
        return -EINVAL;
    int err = (int)(int64_t)s->reserved[0];
    s->reserved[0] = 0;
    return err;
}

static inline int cadre_parallel_for(cadre_scope *in, size_t begin, size_t end,
                                     size_t grain, cadre_loop *loop, void *arg)
{
    cadre_scope s;
    int err = !loop ? -EINVAL : cadre_scope_nest(in, &s);
    while (!err && begin < end) {
        size_t part = grain && grain < end - begin ? grain : end - begin;
        err = loop(&s, begin, begin + part, arg);
        begin += part;
    }
    return err > 0 ? -EINVAL : err;
}

static inline int cadre_parallel_reduce(cadre_scope *in, void *result, size_t begin,
                                        size_t end, size_t grain,
                                        const cadre_reduction *how, void *arg)
{
    cadre_scope s;
    uint64_t view[CADRE_VIEW_MAX / 8]
#if defined(__GNUC__)
        __attribute__((aligned(16)))
#endif
        ;
    if (!result || !how || !how->size || how->size > sizeof view || !how->add ||
        !how->merge)
        return -EINVAL;
    int err = cadre_scope_nest(in, &s);
    if (err)
        return err;
    memset(view, 0, sizeof view);
    if (how->init)
        how->init(view, arg);
    while (!err && begin < end) {
        size_t part = grain && grain < end - begin ? grain : end - begin;
        err = how->add(&s, view, begin, begin + part, arg);
        begin += part;
    }
    if (!err)
        memcpy(result, view, how->size);
    return err > 0 ? -EINVAL : err;
}

#endif
#endif

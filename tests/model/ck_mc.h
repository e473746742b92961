/* ck_mc.h: Concurrency Kit's primitives for the explorer, included before everything.
 *
 * CK's own are inline assembly, which the explorer cannot see. This header takes the
 * place of ck_pr.h and has what ck_stack.h needs, so that the real ck_stack.h runs; any
 * other part of CK does not compile against it, until somebody adds what that needs.
 *
 * CK's model is that of the weakest machine it runs on: loads, stores and
 * read-modify-writes order nothing, fences do. So the operations are relaxed here, a
 * load fence is an acquire fence and a store fence a release fence. Two things are
 * stronger than on such a machine, and a missing fence of that kind would not be found:
 * a store fence also orders earlier loads, and a load fence also later stores. */
#ifndef CK_MC_H
#define CK_MC_H

#define CK_PR_H /* instead of the real one */

#include "mc.h"

#define ck_pr_load_ptr(p) ((void *)mc_load((p), sizeof(void *), MC_RELAXED))
#define ck_pr_store_ptr(p, x) mc_store((p), sizeof(void *), MC_U64(x), MC_RELAXED)
#define ck_pr_fas_ptr(p, x)                                                            \
    ((void *)mc_exchange((p), sizeof(void *), MC_U64(x), MC_RELAXED))

static inline bool ck_pr_cas_ptr_value(void *p, void *expected, void *value, void *seen)
{
    uint64_t e = MC_U64(expected);
    bool done = mc_cas(p, sizeof(void *), &e, MC_U64(value), MC_RELAXED, MC_RELAXED);
    *(void **)seen = (void *)e;
    return done;
}

static inline bool ck_pr_cas_ptr(void *p, void *expected, void *value)
{
    void *seen;
    return ck_pr_cas_ptr_value(p, expected, value, &seen);
}

#define ck_pr_fence_load() mc_fence_order(MC_ACQUIRE)
#define ck_pr_fence_store() mc_fence_order(MC_RELEASE)
#define ck_pr_fence_store_atomic() mc_fence_order(MC_RELEASE)

#endif

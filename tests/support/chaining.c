/* chaining.c: steps, and chains of them, for the tests of futures. */
#include "support/chaining.h"

uint64_t source, token;

uint64_t code_of(const cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    return f ? (uint64_t)-f->code : ((const owned *)m->body)->id;
}

int see(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(code_of(m));
    return 0;
}

int never(cadre_self *self, void *state, cadre_msg *m)
{
    fail_msg("a step that should not run");
    return 0;
}

uint64_t chain(cadre_self *self, uint64_t of, cadre_receive *then,
               cadre_receive *otherwise)
{
    cadre_token next = {0};
    assert_int_equal(cadre_chain(self, &next, (cadre_token){of}, then, otherwise), 0);
    assert_true(next.id != 0 && next.id != of);
    return next.id;
}

uint64_t wait_for(cadre_self *self, cadre_time delay, uint32_t id)
{
    cadre_token t = {0};
    assert_int_equal(cadre_after(self, &t, delay, owned, id), 0);
    return t.id;
}

int cancel(cadre_self *self, uint64_t id)
{
    return cadre_cancel(self, (cadre_token){id});
}

void start_with(cadre_self *self, cadre_receive *step)
{
    record_clear();
    source = wait_for(self, CADRE_MS, 0);
    token = chain(self, source, step, never);
}

void judge_nothing(void) { assert_int_equal(outcomes.count, 0); }

/* recall.c: what happened lately on a worker, in words. */
#include "actor/recall.h"

#include "base/peek.h"

#include <string.h>

enum { NAME_TEXT = 48 };

/* The names of types and classes stand at their beginning. */
static void put_name(struct text *t, const void *named)
{
    char name[NAME_TEXT];
    const char *text;
    bool has_name = named && peek_bytes(&text, named, sizeof text) && text &&
                    peek_text(name, sizeof name, text);
    text_put(t, has_name ? name : "?");
}

void recall_put_address(struct text *t, uint64_t id)
{
    if (id == 0) {
        text_put(t, "outside");
        return;
    }
    text_decimal(t, address_slot(id));
    text_put(t, ".");
    text_decimal(t, address_generation(id));
}

void recall_put_code(struct text *t, int n)
{
    text_put(t, n < 0 ? " (-" : " (");
    text_decimal(t, n < 0 ? 0 - (uint64_t)(int64_t)n : (uint64_t)n);
    text_put(t, ")");
}

static void put_age(struct text *t, int64_t ns)
{
    uint64_t tenths = (uint64_t)ns / 100000;
    text_decimal(t, tenths / 10);
    text_put(t, ".");
    text_decimal(t, tenths % 10);
    text_put(t, " ms ago ");
}

/* What an event says of whom, and what comes behind that. */
enum behind { NOTHING, A_NAME, A_CODE, FROM, BY, TO, A_NUMBER, A_WORKER, ON };
static const struct {
    const char *text;
    enum behind first, second;
} words[EVENT_KINDS] = {
    [EVENT_SPAWN] = {" was spawned: ", A_NAME, BY},
    [EVENT_RESTART] = {" starts again, start ", A_NUMBER, NOTHING},
    [EVENT_MESSAGE] = {" took ", A_NAME, FROM},
    [EVENT_TIMER] = {" has a timer: ", A_NAME, NOTHING},
    [EVENT_FAILURE] = {": an operation failed", A_CODE, NOTHING},
    [EVENT_OFFLOAD] = {": an offloaded call came back", NOTHING, NOTHING},
    [EVENT_STOP] = {" is to stop", NOTHING, NOTHING},
    [EVENT_KILL] = {" is killed", A_CODE, NOTHING},
    [EVENT_FAIL] = {" failed", A_CODE, ON},
    [EVENT_END] = {" has ended", A_CODE, NOTHING},
    [EVENT_DEAD] = {" did not take ", A_NAME, FROM},
    [EVENT_GAVE] = {"gave tasks away: ", A_NUMBER, TO},
    [EVENT_RESCUED] = {"took tasks that were stuck: ", A_NUMBER, A_WORKER},
};

static void put_behind(struct text *t, const struct event *e, enum behind what)
{
    static const char *const before[] = {[FROM] = " from ",
                                         [BY] = " by ",
                                         [TO] = " to worker ",
                                         [A_WORKER] = " of worker ",
                                         [ON] = " on "};
    if (before[what] && (what != ON || e->about))
        text_put(t, before[what]);
    if (what == A_NAME || (what == ON && e->about))
        put_name(t, e->about);
    else if (what == A_CODE)
        recall_put_code(t, (int32_t)(uint32_t)e->other);
    else if (what == FROM || what == BY)
        recall_put_address(t, e->other);
    else if (what == A_NUMBER)
        text_decimal(t, e->other);
    else if (what == TO || what == A_WORKER)
        text_decimal(t, (uintptr_t)e->about);
}

void recall_put(struct text *t, const struct event *e, int64_t now)
{
    put_age(t, event_age(e, now));
    if (e->kind >= EVENT_KINDS) /* never, but a report must not be the next fault */
        return;
    if (e->who)
        recall_put_address(t, e->who);
    text_put(t, words[e->kind].text);
    put_behind(t, e, words[e->kind].first);
    put_behind(t, e, words[e->kind].second);
}

static bool concerns(const struct event *e, uint64_t who)
{
    return who == 0 || e->who == who || e->other == who;
}

unsigned recall_find(const struct worker *worker, uint64_t who, struct event *events,
                     unsigned max)
{
    unsigned found = 0;
    uint64_t count = recent_count(&worker->events);
    for (uint64_t i = 1; i <= RECENT_SIZE && i <= count && found < max; i++) {
        struct event *e = &events[max - 1 - found];
        found += event_get(&worker->events, count - i, e) && concerns(e, who);
    }
    memmove(events, events + max - found, found * sizeof *events);
    return found;
}

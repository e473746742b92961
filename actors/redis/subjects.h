/* subjects.h: what somebody listens to, and who does. */
#ifndef ACTORS_REDIS_SUBJECTS_H
#define ACTORS_REDIS_SUBJECTS_H

#include "../rows.h"

#include <cadre/actors/redis.h>

struct listener {
    cadre_ref who;
    cadre_token watch;
    cadre_promise promise; /* to be answered when it is heard; token 0: it was */
    cadre_time since;
    bool has_lost; /* and has not been told */
};

/* What the server knows of it. */
enum subject_state { SUBJECT_NEW, SUBJECT_ASKED, SUBJECT_HEARD, SUBJECT_LEAVES };

/* A channel, or a pattern. */
struct subject {
    cadre_redis_listen is;
    enum subject_state state;
    uint64_t turn; /* when the server was asked: answers come in that order */
    struct rows listeners;
};

/* By name: found quickly, when there are many. All zero: none. */
struct subjects {
    struct rows rows;
    uint32_t listeners; /* of all of them */
    uint64_t turns;
};

static inline struct subject *subject_at(const struct subjects *subjects, uint32_t i)
{
    return rows_at(&subjects->rows, sizeof(struct subject), i);
}
static inline struct listener *listener_at(const struct subject *subject, uint32_t i)
{
    return rows_at(&subject->listeners, sizeof(struct listener), i);
}

/* NULL: there is none. A name of so many bytes. */
struct subject *subjects_find(const struct subjects *subjects, bool is_pattern,
                              const char *name, size_t size);
/* The same, or a new one. NULL: no memory. */
struct subject *subjects_make(struct subjects *subjects, const cadre_redis_listen *is);
/* The one that was asked for first, and is not answered; or NULL. */
struct subject *subjects_first_asked(const struct subjects *subjects);
uint32_t subjects_count(const struct subjects *subjects, enum subject_state state);
/* Of a listener. Errors: -ENOMEM. */
CADRE_MUST_CHECK int subject_add(struct subjects *subjects, struct subject *subject,
                                 const struct listener *listener);
void subject_remove(struct subjects *subjects, struct subject *subject, uint32_t i);
/* Those that nobody listens to, and the server does not know. */
void subjects_sweep(struct subjects *subjects);
void subjects_free(struct subjects *subjects);

#endif

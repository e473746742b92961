/* subjects.c: what somebody listens to, and who does. */
#include "subjects.h"

#include <errno.h>
#include <string.h>

/* Texts without a zero in them. */
static int compare(const struct subject *s, bool is_pattern, const char *name,
                   size_t size)
{
    size_t length = strlen(s->is.channel);
    if (s->is.is_pattern != is_pattern)
        return s->is.is_pattern ? 1 : -1;
    int order = memcmp(s->is.channel, name, length < size ? length : size);
    return order ? order : (length > size) - (length < size);
}

/* Where it is, or would be. */
static uint32_t place_of(const struct subjects *subjects, bool is_pattern,
                         const char *name, size_t size)
{
    uint32_t from = 0, to = subjects->rows.count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare(subject_at(subjects, middle), is_pattern, name, size) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct subject *subjects_find(const struct subjects *subjects, bool is_pattern,
                              const char *name, size_t size)
{
    uint32_t i = place_of(subjects, is_pattern, name, size);
    bool is_there = i < subjects->rows.count &&
                    compare(subject_at(subjects, i), is_pattern, name, size) == 0;
    return is_there ? subject_at(subjects, i) : NULL;
}

struct subject *subjects_make(struct subjects *subjects, const cadre_redis_listen *is)
{
    size_t size = strlen(is->channel);
    const struct subject new = {.is = *is};
    struct subject *s = subjects_find(subjects, is->is_pattern, is->channel, size);
    if (s)
        return s;
    if (rows_reserve(&subjects->rows, sizeof new))
        return NULL;
    uint32_t i = place_of(subjects, is->is_pattern, is->channel, size);
    rows_insert(&subjects->rows, sizeof new, i, &new);
    return subject_at(subjects, i);
}

struct subject *subjects_first_asked(const struct subjects *subjects)
{
    struct subject *first = NULL;
    for (uint32_t i = 0; i < subjects->rows.count; i++) {
        struct subject *s = subject_at(subjects, i);
        bool is_asked = s->state == SUBJECT_ASKED || s->state == SUBJECT_LEAVES;
        if (is_asked && (!first || s->turn < first->turn))
            first = s;
    }
    return first;
}

uint32_t subjects_count(const struct subjects *subjects, enum subject_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < subjects->rows.count; i++)
        count += subject_at(subjects, i)->state == state;
    return count;
}

int subject_add(struct subjects *subjects, struct subject *subject,
                const struct listener *listener)
{
    int err = rows_reserve(&subject->listeners, sizeof *listener);
    if (err)
        return err;
    rows_append(&subject->listeners, sizeof *listener, listener);
    subjects->listeners++;
    return 0;
}

void subject_remove(struct subjects *subjects, struct subject *subject, uint32_t i)
{
    rows_remove(&subject->listeners, sizeof(struct listener), i);
    subjects->listeners--;
}

void subjects_sweep(struct subjects *subjects)
{
    for (uint32_t i = subjects->rows.count; i-- > 0;) {
        struct subject *s = subject_at(subjects, i);
        if (s->state != SUBJECT_NEW || s->listeners.count > 0)
            continue;
        rows_free(&s->listeners);
        rows_remove(&subjects->rows, sizeof *s, i);
    }
}

void subjects_free(struct subjects *subjects)
{
    for (uint32_t i = 0; i < subjects->rows.count; i++)
        rows_free(&subject_at(subjects, i)->listeners);
    rows_free(&subjects->rows);
}

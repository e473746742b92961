/* event.c: server-sent events are read as they were, by the rules of the HTML standard.
 *
 * Fuzzed: actors/http/event.c actors/http/bytes.c */
#include "fuzz/fuzz.h"

#include "http/event.h"

#include <errno.h>

/* What a client makes of one event, as text, name and id. */
struct reading {
    struct story data;
    char *name, *id; /* NULL: none */
    unsigned events; /* dispatched */
};

static void set(char **to, struct input value)
{
    free(*to);
    *to = input_word(&value);
}

static void read_field(struct reading *r, struct input name, struct input value)
{
    if (name.size == 4 && !memcmp(name.at, "data", 4)) {
        story_add(&r->data, value.at, value.size);
        story_add(&r->data, "\n", 1);
    } else if (name.size == 5 && !memcmp(name.at, "event", 5)) {
        set(&r->name, value);
    } else {
        CHECK(name.size == 2 && !memcmp(name.at, "id", 2));
        set(&r->id, value);
    }
}

static void read_line(struct reading *r, struct input line)
{
    const uint8_t *colon = line.size ? memchr(line.at, ':', line.size) : NULL;
    if (line.size == 0) {
        r->events++;
        CHECK(r->data.size > 0); /* else it is no event */
        r->data.size--;
        return;
    }
    CHECK(colon && r->events == 0);
    struct input name = input_take(&line, (size_t)(colon - line.at));
    (void)input_byte(&line);
    if (line.size > 0 && *line.at == ' ')
        (void)input_byte(&line);
    read_field(r, name, line);
}

/* Line by line, of all three kinds. */
static void read_text(struct reading *r, struct input in)
{
    while (in.size > 0) {
        size_t size = 0;
        while (size < in.size && in.at[size] != '\n' && in.at[size] != '\r')
            size++;
        CHECK(size < in.size); /* it ends with a break */
        read_line(r, input_take(&in, size));
        if (input_byte(&in) == '\r' && in.size > 0 && *in.at == '\n')
            (void)input_byte(&in);
    }
}

/* With LF for each break. */
static void normalize(struct story *story, struct input in)
{
    while (in.size > 0) {
        uint8_t c = input_byte(&in);
        if (c == '\r' && in.size > 0 && *in.at == '\n')
            (void)input_byte(&in);
        story_add(story, c == '\r' ? "\n" : (char *)&c, 1);
    }
}

static void check_event(const cadre_http_event *event, struct input data,
                        const struct bytes *text)
{
    struct reading r = {.events = 0};
    struct story sent = {0};
    char id[32] = "";
    normalize(&sent, data);
    read_text(&r, (struct input){(const uint8_t *)bytes_at(text), text->size});
    CHECK(r.events == 1 && story_same(&sent, &r.data));
    CHECK(!event->name == !r.name && (!r.name || !strcmp(event->name, r.name)));
    snprintf(id, sizeof id, "%llu", (unsigned long long)event->id);
    CHECK(event->id ? r.id && !strcmp(r.id, id) : !r.id);
    story_free(&sent);
    story_free(&r.data);
    free(r.name);
    free(r.id);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    struct bytes text = {0};
    uint8_t how = input_byte(&in);
    char *name = how & 1 ? input_word(&in) : NULL;
    uint64_t id = how & 2 ? input_number(&in, 8) : 0;
    char *exact = input_exact(in);
    cadre_http_event event = {.name = name, .id = id};
    event.data = in.size > 0 || how & 4 ? cadre_buf_new(exact, in.size) : NULL;
    int err = event_add(&text, &event);
    if (name && strpbrk(name, "\r\n"))
        CHECK(err == -EINVAL && text.size == 0);
    else
        CHECK(err == 0);
    if (!err)
        check_event(&event, in, &text);
    cadre_buf_unref(event.data);
    bytes_free(&text);
    free(exact);
    free(name);
    return 0;
}

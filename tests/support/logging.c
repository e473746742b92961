/* logging.c: a logger, a sink that keeps what it gets, and actors that log. */
#include "support/logging.h"

#include <stdio.h>

cadre_logger log_config;
cadre_ref logger;

/* ---- a sink that keeps what it gets ---- */

struct tape tape;

int64_t take(void *user, const char *bytes, size_t size)
{
    tape.calls++;
    if (tape.failures > 0 && (tape.failures == UINT32_MAX || tape.failures--))
        return tape.code;
    size = tape.most && size > tape.most ? tape.most : size;
    assert_true(tape.used + size <= TAPE);
    memcpy(tape.text + tape.used, bytes, size);
    tape.used += size;
    tape.text[tape.used] = '\0';
    return (int64_t)size;
}

cadre_log_write *sink = take;

atomic_uint overs;
cadre_logger_status final;
void keep_final(void *user, const cadre_logger_status *status)
{
    final = *status;
    atomic_fetch_add(&overs, 1);
}

void set_up_logger(cadre_self *self)
{
    tape.used = tape.calls = 0;
    atomic_store(&overs, 0);
    tape.text[0] = '\0';
    log_config.write = log_config.path || log_config.fd ? NULL : sink;
    log_config.over = keep_final;
    assert_int_equal(cadre_spawn(self, &logger, &cadre_logger_class, &log_config), 0);
}

struct said tape_said;
void read_tape(void)
{
    memset(&tape_said, 0, sizeof tape_said);
    for (char *line = tape.text, *end; (end = strchr(line, '\n')); line = end + 1) {
        unsigned long long n;
        const char *notice = strstr(line, " cadre_logger: ");
        if (notice && notice < end &&
            sscanf(notice, " cadre_logger: %llu lines dropped", &n) == 1)
            tape_said.missing += n;
        else
            tape_said.lines++;
    }
}

void check_books(void)
{
    assert_int_equal(overs, 1);
    assert_int_equal(final.waiting, 0);
    assert_int_equal(final.lines, final.written + final.dropped);
    read_tape();
    assert_int_equal(tape_said.lines, final.written);
    assert_true(tape_said.missing <= final.dropped);
}

/* ---- who logs ---- */

typedef struct {
    uint64_t talker, next, until;
} talk;
static CADRE_TYPE(talk);

/* Now and then, some at a time. */
static int talker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    talk t = *cadre_body(m, talk);
    for (uint64_t i = cadre_random(self) % 20; i > 0 && t.next < t.until; i--) {
        assert_int_equal(
            cadre_log(self, logger, CADRE_ERROR, "said",
                      CADRE_FIELDS({"talker", .number = (int64_t)t.talker},
                                   {"number", .number = (int64_t)t.next++})),
            0);
    }
    if (t.next == t.until)
        return 0;
    return cadre_after_as(self, NULL, (cadre_time)(cadre_random(self) % 1000) * 10000,
                          &talk_type, &t);
}
static const cadre_class talker = {.name = "talker", .receive = talker_receive};

uint64_t amount;
static void talk_all(cadre_self *self)
{
    set_up_logger(self);
    for (uint64_t i = 0; i < TALKERS; i++) {
        cadre_ref who;
        assert_int_equal(cadre_spawn(self, &who, &talker, NULL), 0);
        assert_int_equal(cadre_send(self, who, talk, i, 0, amount), 0);
    }
}
void stop_it(cadre_self *self) { assert_int_equal(cadre_stop(self, logger), 0); }
void kill_it(cadre_self *self) { assert_int_equal(cadre_kill(self, logger, 0), 0); }
void talk_and_stop(cadre_self *self)
{
    talk_all(self);
    later(self, 100 * CADRE_SECOND, stop_it);
}

/* Each talker's lines are there, in order, without a gap. */
void check_talk(void)
{
    uint64_t next[TALKERS] = {0};
    check_books();
    assert_int_equal(final.lines, TALKERS * amount);
    assert_int_equal(final.dropped, 0);
    for (char *line = tape.text, *end; (end = strchr(line, '\n')); line = end + 1) {
        unsigned long long who, n;
        char level[8], rest;
        assert_int_equal(sscanf(line,
                                "1970-01-01T%*d:%*d:%*d.%*dZ %7s %*s talker: said"
                                " talker=%llu number=%llu%c",
                                level, &who, &n, &rest),
                         4);
        assert_string_equal(level, "error");
        assert_int_equal(rest, '\n');
        assert_int_equal(n, next[who]++);
    }
    for (int i = 0; i < TALKERS; i++)
        assert_int_equal(next[i], amount);
}
void clean(void) { tape.most = tape.failures = 0; }

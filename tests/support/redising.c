/* redising.c: a system with one cadre_redis, which the test asks from outside. */
#include "support/redising.h"

#include "support/process.h"
#include "support/sockets.h"

#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>

static cadre_redis config;
static unsigned descriptors;
static atomic_uint opened;

cadre_ref rd;
cadre_system *rd_sys;
atomic_uint rd_ended, rd_late;
atomic_int rd_reason;

/* What the root is told to do. */
typedef struct order {
    const cadre_class *class;
    char key[32];
    cadre_time timeout;
} order;
static CADRE_TYPE(order);
static atomic_uint_fast64_t spawned;

static int on_order(cadre_self *self, const order *it)
{
    cadre_ref child = {0};
    if (!it->class)
        return cadre_redis_ask(self, NULL, rd, it->timeout, "INCR %s", it->key);
    int err = cadre_spawn(self, &child, it->class, NULL);
    atomic_store(&spawned, child.id);
    return err;
}

static int root_start(cadre_self *self, void *state)
{
    int err = cadre_spawn(self, &rd, &cadre_redis_class, &config);
    if (!err)
        err = cadre_watch(self, NULL, rd);
    atomic_fetch_add(&opened, 1);
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    const cadre_down *down = cadre_body(m, cadre_down);
    atomic_fetch_add(&rd_late, f && f->code == -ETIMEDOUT);
    if (down && cadre_same(down->who, rd)) {
        atomic_store(&rd_reason, down->reason);
        atomic_fetch_add(&rd_ended, 1);
    }
    return cadre_body(m, order) ? on_order(self, m->body) : 0;
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

void rd_begin_with(cadre_redis with)
{
    atomic_store(&opened, 0);
    atomic_store(&rd_ended, 0);
    atomic_store(&rd_late, 0);
    config = with;
    config.url = config.url ? config.url : redis_url("unix://%s", redis_path());
    descriptors = process_descriptors();
    rd_sys = open_system(2, 0, &root);
    await(&opened, 1);
}
void rd_begin(void) { rd_begin_with((cadre_redis){.patience = 60 * CADRE_SECOND}); }
void rd_end(void)
{
    close_system(rd_sys);
    assert_int_equal(process_descriptors(), descriptors);
}

static void give(const order *it)
{
    assert_int_equal(cadre_tell_as(rd_sys, cadre_system_root(rd_sys), &order_type, it),
                     0);
}
void rd_root_incr(const char *key, cadre_time timeout)
{
    order it = {.timeout = timeout};
    snprintf(it.key, sizeof it.key, "%s", key);
    give(&it);
}
static bool is_spawned(void *unused) { return atomic_load(&spawned) != 0; }
cadre_ref rd_spawn(const cadre_class *class)
{
    const order it = {.class = class};
    atomic_store(&spawned, 0);
    give(&it);
    await_true(is_spawned, NULL);
    return (cadre_ref){atomic_load(&spawned)};
}

/* ---- what it is asked ------------------------------------------------------------ */

cadre_future *rd_ask_all(cadre_redis_commands *commands)
{
    cadre_future *future;
    assert_int_equal(
        cadre_call_as(rd_sys, &future, rd, &cadre_redis_commands_type, commands), 0);
    *commands = (cadre_redis_commands){.bytes = NULL};
    return future;
}
cadre_future *rd_ask(const char *format, ...)
{
    cadre_redis_commands commands = {.bytes = NULL};
    char text[256];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    assert_null(strchr(text, '%'));
    assert_int_equal(cadre_redis_addf(&commands, text, NULL), 0);
    return rd_ask_all(&commands);
}

cadre_msg rd_outcome(cadre_future *future)
{
    cadre_msg m;
    assert_int_equal(cadre_future_wait(future, 60 * CADRE_SECOND, &m), 0);
    return m;
}
cadre_redis_answer rd_answer_of(cadre_future *future)
{
    cadre_msg m = rd_outcome(future);
    const cadre_redis_error *e = cadre_body(&m, cadre_redis_error);
    if (e)
        assert_string_equal(cadre_redis_error_text(e), "");
    cadre_redis_answer *answer = cadre_body(&m, cadre_redis_answer), copy;
    assert_non_null(answer);
    copy = *answer;
    answer->data = NULL;
    cadre_future_free(future);
    return copy;
}
int64_t rd_number_of(cadre_future *future)
{
    cadre_redis_answer answer = rd_answer_of(future);
    int64_t n = cadre_redis_integer(cadre_redis_value_of(&answer), -1);
    cadre_buf_unref(answer.data);
    return n;
}
void rd_text_of(cadre_future *future, const char *text)
{
    cadre_redis_answer answer = rd_answer_of(future);
    const char *is = cadre_redis_text(cadre_redis_value_of(&answer));
    assert_non_null(is);
    assert_string_equal(is, text);
    cadre_buf_unref(answer.data);
}
void rd_error_of(cadre_future *future, const char *kind, const char *has)
{
    cadre_msg m = rd_outcome(future);
    const cadre_redis_error *e = cadre_body(&m, cadre_redis_error);
    assert_non_null(e);
    assert_string_equal(e->kind, kind);
    if (!strstr(cadre_redis_error_text(e), has))
        assert_string_equal(cadre_redis_error_text(e), has);
    cadre_future_free(future);
}
void rd_failed(cadre_future *future, int code)
{
    cadre_msg m = rd_outcome(future);
    const cadre_failure *f = cadre_body(&m, cadre_failure);
    assert_non_null(f);
    assert_int_equal(f->code, code);
    cadre_future_free(future);
}

/* ---- a server by hand ------------------------------------------------------------ */

void rd_send(int fd, const char *text) { raw_send(fd, text, strlen(text)); }
void rd_expect(int fd, const char *command)
{
    raw_expect(fd, command, strlen(command));
}
int rd_accept(int listener)
{
    int fd = raw_accept(listener);
    rd_expect(fd, "*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n");
    rd_send(fd, "+PONG\r\n+OK\r\n*0\r\n");
    return fd;
}

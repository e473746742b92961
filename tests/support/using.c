/* using.c: an actor that opens descriptors as streams. */
#include "support/using.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct used used;
cadre_system *using_system;
static CADRE_TYPE(using_order);
static unsigned descriptors;

char using_byte(size_t at) { return (char)(at * 7 % 251); }

static int write_bytes(cadre_self *self, cadre_stream stream, size_t size)
{
    cadre_buf *buf = cadre_buf_new(NULL, size);
    if (!buf)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        cadre_buf_data(buf)[i] = (uint8_t)using_byte(i);
    return cadre_stream_write_buf(self, stream, buf);
}

static int obey(cadre_self *self, cadre_stream *s, const using_order *o)
{
    const cadre_stream_options half = {.half_open = true};
    int err;
    switch ((enum using_deed)o->deed) {
    case USE_OPEN:
        return cadre_descriptor_open(self, s, o->of, o->with, NULL);
    case USE_OPEN_HALF:
        return cadre_descriptor_open(self, s, o->of, o->with, &half);
    case USE_OPEN_SHUT:
        err = cadre_descriptor_open(self, s, o->of, o->with, NULL);
        return err ? err : cadre_stream_window(self, *s, 0);
    case USE_WRITE:
        return write_bytes(self, *s, (size_t)o->of);
    case USE_SHUTDOWN:
        return cadre_stream_shutdown(self, *s);
    case USE_CLOSE:
        return cadre_stream_close(self, *s, 30 * CADRE_SECOND);
    case USE_ABORT:
        return cadre_stream_abort(self, *s);
    case USE_UNSENT:
        return (int)cadre_stream_unsent(self, *s);
    case USE_WINDOW:
        return cadre_stream_window(self, *s, (uint32_t)o->of);
    case USE_RELEASE:
        return cadre_descriptor_release(self, *s);
    case USE_RAW:
        return cadre_terminal_raw(self, *s, o->of);
    case USE_LOOK:
        return cadre_terminal_look(self, *s, &used.terminal);
    case USE_STOP:
        break;
    }
    return 0;
}

static void keep(cadre_buf *buf)
{
    size_t at = atomic_load(&used.size), size = cadre_buf_size(buf);
    if (size > USED_MAX - at) {
        atomic_fetch_add(&used.wrongs, 1);
        return;
    }
    memcpy(used.bytes + at, cadre_buf_data(buf), size);
    atomic_store(&used.size, at + size);
}

static int user_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const using_order *o = cadre_body(m, using_order);
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    cadre_descriptor_released *released = cadre_body(m, cadre_descriptor_released);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    atomic_fetch_add(&used.opened, m->type == &cadre_stream_opened_type);
    if (data)
        keep(data->buf);
    if (released) {
        atomic_fetch_add(&used.wrongs, atomic_load(&used.closed));
        atomic_store(&used.released, released->fd);
        released->fd = -1;
    }
    atomic_fetch_add(&used.ended, m->type == &cadre_stream_ended_type);
    if (closed) {
        atomic_store(&used.reason, closed->reason);
        atomic_fetch_add(&used.closed, 1);
    }
    if (o) {
        atomic_store(&used.result, obey(self, state, o));
        atomic_fetch_add(&used.obeyed, 1);
    }
    return o && o->deed == USE_STOP ? CADRE_STOP : 0;
}

static const cadre_class user = {
    .name = "user", .state_size = sizeof(cadre_stream), .receive = user_receive};

void using_begin(uint32_t io_threads)
{
    cadre_config config = quiet(2, 0);
    descriptors = process_descriptors();
    memset(&used, 0, sizeof used);
    atomic_store(&used.released, -1);
    config.io_threads = io_threads;
    assert_int_equal(cadre_system_new(&using_system, &config, &user, NULL), 0);
}

int using_do(int deed, int of, int with)
{
    unsigned before = atomic_load(&used.obeyed);
    assert_int_equal(cadre_tell(using_system, cadre_system_root(using_system),
                                using_order, deed, of, with),
                     0);
    await(&used.obeyed, before + 1);
    return atomic_load(&used.result);
}

void using_do_well(int deed, int of, int with)
{
    assert_int_equal(using_do(deed, of, with), 0);
}

void using_end(void)
{
    close_system(using_system);
    assert_int_equal(atomic_load(&used.wrongs), 0);
    assert_int_equal(process_descriptors(), descriptors);
}

static bool has_come(void *arg) { return atomic_load(&used.size) >= *(size_t *)arg; }

void using_expect(size_t size)
{
    await_true(has_come, &size);
    assert_int_equal(atomic_load(&used.size), size);
    for (size_t i = 0; i < size; i++)
        if (used.bytes[i] != using_byte(i))
            fail();
}

void using_expect_bytes(const char *text)
{
    size_t size = strlen(text);
    await_true(has_come, &size);
    assert_int_equal(atomic_load(&used.size), size);
    assert_memory_equal(used.bytes, text, size);
}

void using_expect_closed(unsigned count, int reason)
{
    await(&used.closed, count);
    assert_int_equal(atomic_load(&used.reason), reason);
}

void using_terminal(int *master, int *slave)
{
    char name[64];
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*master >= 0);
    assert_int_equal(grantpt(*master), 0);
    assert_int_equal(unlockpt(*master), 0);
    assert_int_equal(ptsname_r(*master, name, sizeof name), 0);
    *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*slave >= 0);
}

int using_warm_up(void **unused)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    using_begin(0);
    (void)using_do(USE_OPEN, ends[0], CADRE_DESCRIPTOR_READ);
    close_system(using_system);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

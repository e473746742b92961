/* starting.c: an actor that starts processes, and notes what it is told. */
#include "support/starting.h"

#include "support/effort.h"
#include "support/process.h"

#include <cadre/watch.h>

#include <errno.h>
#include <sys/wait.h>

#ifdef EFFORT_THREAD_SANITIZER
enum { IS_SEEN = 1 };
#else
enum { IS_SEEN = 0 };
#endif

struct starting starting;
struct started started;

void wrong_unless(bool right) { started.wrongs += !right; }

bool is_reaped(int64_t pid)
{
    siginfo_t info;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 &&
           errno == ECHILD;
}

static void note_data(const cadre_stream_data *data)
{
    bool is_out = data->stream.id == started.pipes.out.id;
    char *text = is_out ? started.out : started.err;
    size_t *size = is_out ? &started.out_size : &started.err_size;
    size_t more = cadre_buf_size(data->buf);
    if (*size + more > (is_out ? sizeof started.out : sizeof started.err)) {
        started.wrongs++;
        return;
    }
    memcpy(text + *size, cadre_buf_data(data->buf), more);
    *size += more;
}

static int start(cadre_self *self, void *state) { return starting.begin(self); }

int started_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    const cadre_process_ended *ended = cadre_body(m, cadre_process_ended);
    if (data)
        note_data(data);
    if (closed)
        started.reason = closed->reason;
    started.closed += closed != NULL;
    if (ended)
        started.last = *ended;
    started.ended += ended != NULL;
    started.downs += m->type == &cadre_down_type;
    int err = starting.hear ? starting.hear(self, m) : 0;
    if (err)
        return err;
    return started.ended >= starting.ended && started.closed >= starting.closed &&
                   started.downs >= starting.downs
               ? CADRE_STOP
               : 0;
}

const cadre_class starting_class = {
    .name = "starting", .start = start, .receive = started_receive};

static void play_once(uint32_t workers, uint32_t io_threads)
{
    cadre_config config = quiet(workers, 0);
    siginfo_t info;
    config.io_threads = io_threads;
    unsigned descriptors = process_descriptors();
    memset(&started, 0, sizeof started);
    assert_int_equal(run(&config, &starting_class, NULL), 0);
    errno = 0;
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(process_descriptors(), descriptors);
    assert_int_equal(started.wrongs, 0);
    assert_int_equal(started.ended, starting.ended);
    assert_int_equal(started.closed, starting.closed);
}

void play_out(uint32_t workers)
{
    if (!starting.reopens || !IS_SEEN)
        play_once(workers, 1);
    play_once(workers, 0);
    memset(&starting, 0, sizeof starting);
}

int start_process(cadre_self *self, const cadre_process_options *options,
                  const char *const argv[])
{
    int err =
        cadre_process_start(self, &started.process, &started.pipes, argv, options);
    return err ? err : cadre_process_pid(self, started.process, &started.pid);
}

const cadre_process_options to_us = {.in = CADRE_PROCESS_NULL,
                                     .out = CADRE_PROCESS_PIPE,
                                     .err = CADRE_PROCESS_PIPE},
                            from_us = {.in = CADRE_PROCESS_PIPE},
                            both = {.in = CADRE_PROCESS_PIPE,
                                    .out = CADRE_PROCESS_PIPE};

void assert_said(const char *out, const char *err)
{
    assert_int_equal(started.out_size, strlen(out));
    assert_memory_equal(started.out, out, started.out_size);
    assert_int_equal(started.err_size, strlen(err));
    assert_memory_equal(started.err, err, started.err_size);
}

static int start_true(cadre_self *self) { return START(self, NULL, "true"); }

int starting_warm_up(void **unused)
{
    cadre_config config = quiet(2, 0);
    starting.begin = start_true;
    starting.ended = 1;
    int reason = run(&config, &starting_class, NULL);
    memset(&starting, 0, sizeof starting);
    return reason;
}

/* test_actors_journal.c: records that are kept, in virtual time, and over a kill. */
#include "support/disk.h"
#include "support/folder.h"
#include "support/process.h"

#include <cadre/actors/journal.h>
#include <cadre/await.h>
#include <cadre/watch.h>

#include <signal.h>
#include <sys/wait.h>

enum { MANY = 50, KILLED_AT = 20 };

static cadre_journal *journal;
static cadre_ref writer;
static cadre_self *me;
static unsigned names;

static const char *new_path(void)
{
    static char name[24];
    make_folder();
    snprintf(name, sizeof name, "journal%u", names++);
    return in_folder(name);
}

/* What was read, each with a blank behind it. */
static char seen[8192];
static int see(void *arg, const uint8_t *bytes, size_t size)
{
    size_t used = strlen(seen);
    assert_true(used + size + 2 < sizeof seen);
    memcpy(seen + used, bytes, size);
    seen[used + size] = ' ';
    return 0;
}

static int open_with(const char *path, cadre_journal_options options)
{
    memset(seen, 0, sizeof seen);
    options.each = see;
    return cadre_journal_open(&journal, path, &options);
}
static void open_it(const char *path, int fsync)
{
    assert_int_equal(open_with(path, (cadre_journal_options){.fsync = fsync}), 0);
}
static void close_it(int code)
{
    assert_int_equal(cadre_journal_close(journal), code);
    journal = NULL;
}
/* It is there, is read, and has that. */
static void has(const char *path, const char *text, uint64_t cut)
{
    open_it(path, CADRE_FSYNC_ALWAYS);
    assert_string_equal(seen, text);
    assert_int_equal(cadre_journal_cut(journal), cut);
    close_it(0);
}

/* ---- scenes ---- */

static void spawn_writer(cadre_self *self)
{
    me = self;
    assert_int_equal(cadre_spawn(self, &writer, &cadre_journal_writer_class,
                                 &(cadre_journal_writer){.journal = journal}),
                     0);
}

static cadre_token ask(const char *text)
{
    cadre_token token;
    assert_int_equal(cadre_ask(me, &token, writer, CADRE_NEVER, cadre_journal_append,
                               .record = cadre_buf_new(text, strlen(text))),
                     0);
    return token;
}
/* The outcome: 0, or the failure's code. */
static int outcome(cadre_token token, uint64_t *end)
{
    cadre_msg m;
    assert_int_equal(cadre_await(me, token, &m), 0);
    const cadre_journal_kept *kept = cadre_body(&m, cadre_journal_kept);
    if (!kept)
        return cadre_body(&m, cadre_failure)->code;
    if (end)
        *end = kept->end;
    return 0;
}

static void three(cadre_self *self)
{
    spawn_writer(self);
    assert_int_equal(outcome(ask("one"), NULL), 0);
    assert_int_equal(outcome(ask("two"), NULL), 0);
    assert_int_equal(outcome(ask("three"), NULL), 0);
}
static void keep_three(const char *path)
{
    open_it(path, CADRE_FSYNC_ALWAYS);
    assert_int_equal(play(three), 0);
    close_it(0);
}

/* ---- told_is_durable ---- */

static void synced_before_told(cadre_self *self)
{
    uint64_t end = 0;
    spawn_writer(self);
    disk.records = true;
    assert_int_equal(outcome(ask("one"), &end), 0);
    assert_string_equal(disk.done, "ws");
    assert_int_equal(end, 15);
    assert_int_equal(cadre_journal_read(journal, see, NULL), 0);
    assert_string_equal(seen, "one ");
}

/* It kills itself in the midst of telling. */
static int teller_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    if (n && n->value == KILLED_AT)
        raise(SIGKILL);
    return 0;
}
static int teller_start(cadre_self *self, void *state)
{
    spawn_writer(self);
    int err = 0;
    for (uint64_t i = 1; i <= 2 * KILLED_AT && !err; i++) {
        char text[8];
        int size = snprintf(text, sizeof text, "%u", (unsigned)i);
        err = cadre_journal_send(self, writer, cadre_buf_new(text, (size_t)size),
                                 cadre_me(self), &number_type, &(number){i});
    }
    return err;
}
static const cadre_class teller = {
    .name = "teller", .start = teller_start, .receive = teller_receive};

static void told_in_a_child(void)
{
    cadre_config config = {.workers = 2};
    assert_int_equal(cadre_run(&config, &teller, NULL), 0);
}

static void told_is_durable(void **state)
{
    const char *path = new_path();
    disk_reset();
    open_it(path, CADRE_FSYNC_ALWAYS);
    assert_int_equal(play(synced_before_told), 0);
    close_it(0);
    disk_reset();

    path = new_path();
    open_it(path, CADRE_FSYNC_ALWAYS);
    int status = in_child(told_in_a_child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close_it(0);
    open_it(path, CADRE_FSYNC_ALWAYS);
    char expected[256] = "";
    for (unsigned i = 1; i <= KILLED_AT; i++)
        snprintf(expected + strlen(expected), 8, "%u ", i);
    assert_memory_equal(seen, expected, strlen(expected));
    close_it(0);
}

static void others_are_written_at_the_end(void **state)
{
    for (int fsync = CADRE_FSYNC_EVERYSEC; fsync <= CADRE_FSYNC_NO; fsync++) {
        const char *path = new_path();
        open_it(path, fsync);
        assert_int_equal(play(three), 0);
        close_it(0);
        has(path, "one two three ", 0);
    }
}

static void tell_of_many(cadre_self *self)
{
    spawn_writer(self);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(cadre_journal_send(self, writer, cadre_buf_new("x", 1),
                                            (cadre_ref){0}, NULL, NULL),
                         0);
}
static void everysec_syncs(void **state)
{
    open_it(new_path(), CADRE_FSYNC_EVERYSEC);
    disk_reset();
    assert_int_equal(play(tell_of_many), 0);
    assert_true(atomic_load(&disk.syncs) >= 1);
    close_it(0);
}

/* ---- order_is_kept, syncs_are_shared ---- */

static cadre_ref recorder;
static void send_many(cadre_self *self)
{
    cadre_token last;
    spawn_writer(self);
    assert_int_equal(cadre_spawn(self, &recorder, &recorder_class, NULL), 0);
    for (uint64_t i = 0; i < MANY; i++) {
        char text[8];
        int size = snprintf(text, sizeof text, "%u", (unsigned)i);
        assert_int_equal(cadre_journal_send(self, writer,
                                            cadre_buf_new(text, (size_t)size), recorder,
                                            &number_type, &(number){i}),
                         0);
    }
    last = ask("last");
    assert_int_equal(outcome(last, NULL), 0);
}

static void order_is_kept(void **state)
{
    for (int fsync = CADRE_FSYNC_ALWAYS; fsync <= CADRE_FSYNC_NO; fsync++)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            const char *path = new_path();
            cadre_config config = quiet(2, seed);
            char expected[512] = "";
            record_clear();
            open_it(path, fsync);
            assert_int_equal(play_with(&config, send_many), 0);
            close_it(0);
            assert_int_equal(record.count, MANY);
            for (unsigned i = 0; i < MANY; i++) {
                assert_int_equal(record.values[i], i);
                snprintf(expected + strlen(expected), 8, "%u ", i);
            }
            strcat(expected, "last ");
            has(path, expected, 0);
        }
}

static void syncs_are_shared(void **state)
{
    open_it(new_path(), CADRE_FSYNC_ALWAYS);
    disk_reset();
    assert_int_equal(play(send_many), 0);
    assert_in_range(atomic_load(&disk.syncs), 1, MANY / 4);
    close_it(0);
}

/* ---- what is in the file ---- */

static void torn_end_is_cut(void **state)
{
    enum { HEAD = 12, WHOLE = 3 * HEAD + 11 };
    const char *path = new_path(), *texts[] = {"", "one ", "one two "};
    for (int size = 0; size < WHOLE; size++) {
        unlink(path);
        keep_three(path);
        assert_int_equal(truncate(path, size), 0);
        int whole = size < HEAD + 3 ? 0 : size < 2 * (HEAD + 3) ? 1 : 2;
        has(path, texts[whole], (uint64_t)(size - whole * (HEAD + 3)));
        has(path, texts[whole], 0);
        keep_three(path); /* and it goes on behind that */
    }
    assert_int_equal(truncate(path, 4 * WHOLE), 0); /* zeros */
    open_it(path, CADRE_FSYNC_ALWAYS);
    assert_true(cadre_journal_cut(journal) > 0);
    assert_string_equal(seen, "one two one two three ");
    close_it(0);
}

/* One that was not whole has zeros behind it, in what was yet to be written. */
static void torn_end_with_zeros_is_cut(void **state)
{
    enum { HEAD = 12, TWO = 2 * (HEAD + 3), WHOLE = TWO + HEAD + 5, FILE_SIZE = 5000 };
    const char *path = new_path();
    for (int size = 0; size < WHOLE; size++) {
        unlink(path);
        keep_three(path);
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(truncate(path, FILE_SIZE), 0);
        int whole = size < HEAD + 3 ? 0 : size < TWO ? 1 : 2;
        const char *const texts[] = {"", "one ", "one two "};
        has(path, texts[whole], (uint64_t)(FILE_SIZE - whole * (HEAD + 3)));
        has(path, texts[whole], 0);
    }
}

static void flip(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    int byte = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(byte ^ 0x10, f);
    fclose(f);
}

static void damage_is_refused(void **state)
{
    const char *path = new_path();
    keep_three(path);
    for (long at = 0; at < 30; at++) { /* of the first two */
        flip(path, at);
        assert_int_equal(open_with(path, (cadre_journal_options){.fsync = 0}),
                         -EBADMSG);
        flip(path, at);
    }
    has(path, "one two three ", 0); /* nothing was changed */
    assert_int_equal(truncate(path, 1000), 0);
    for (long at = 0; at < 30 + 12 + 5; at++) { /* of all, and zeros are no excuse */
        flip(path, at);
        assert_int_equal(open_with(path, (cadre_journal_options){.fsync = 0}),
                         -EBADMSG);
        flip(path, at);
    }
    assert_int_equal(truncate(path, 30 + 12 + 5), 0);
    flip(path, 30 + 12); /* the last is not whole */
    has(path, "one two ", 17);
}

static void lines(cadre_self *self)
{
    spawn_writer(self);
    assert_int_equal(outcome(ask("one\n"), NULL), 0);
    assert_int_equal(outcome(ask("two\r\n"), NULL), 0);
}
static void a_framing_of_ones_own(void **state)
{
    const char *path = new_path();
    const cadre_journal_options options = {.framing.measure = cadre_framing_lines};
    assert_int_equal(open_with(path, options), 0);
    assert_int_equal(play(lines), 0);
    close_it(0);
    assert_file(path, "one\ntwo\r\n");
    put_file(path, "one\ntwo\r\nthr");
    assert_int_equal(open_with(path, options), 0);
    assert_string_equal(seen, "one two ");
    assert_int_equal(cadre_journal_cut(journal), 3);
    close_it(0);
    assert_file(path, "one\ntwo\r\n");
}

/* What that makes of zeros does not matter, unless they are frames. */
static void a_framing_of_ones_own_and_zeros(void **state)
{
    enum { HUGE = 1 << 20 };
    const char *path = new_path();
    const cadre_journal_options lines = {.framing = {.measure = cadre_framing_lines}};
    for (int i = 0; i < 2; i++) {
        put_file(path, i ? "one\ntwo\r\nthr" : "one\ntwo\r\n");
        assert_int_equal(truncate(path, HUGE), 0); /* beyond any line */
        assert_int_equal(open_with(path, lines), 0);
        assert_string_equal(seen, "one two ");
        assert_int_equal(cadre_journal_cut(journal), HUGE - 9);
        close_it(0);
        assert_file(path, "one\ntwo\r\n");
    }
}

static int refuse(void *arg, const uint8_t *bytes, size_t size) { return -EPROTO; }
static void each_may_refuse(void **state)
{
    const char *path = new_path();
    keep_three(path);
    const cadre_journal_options options = {.each = refuse};
    assert_int_equal(cadre_journal_open(&journal, path, &options), -EPROTO);
    has(path, "one two three ", 0);
}

/* ---- failures ---- */

static int failed_code;
static void fail_at_the_second(cadre_self *self)
{
    spawn_writer(self);
    assert_int_equal(outcome(ask("one"), NULL), 0);
    disk.write_code = failed_code;
    disk.room = 5;
    cadre_token two = ask("two"), three_ = ask("three");
    assert_int_equal(outcome(two, NULL), CADRE_EDEAD);
    assert_int_equal(outcome(three_, NULL), CADRE_EDEAD);
    disk.room = 1000;
}
static void fails_to_start(cadre_self *self, cadre_journal *with, int reason)
{
    const cadre_journal_writer init = {.journal = with};
    cadre_ref ref;
    cadre_token token;
    cadre_msg m;
    assert_int_equal(cadre_spawn(self, &ref, &cadre_journal_writer_class, &init), 0);
    assert_int_equal(cadre_watch(self, &token, ref), 0);
    assert_int_equal(cadre_await(self, token, &m), 0);
    assert_int_equal(cadre_body(&m, cadre_down)->reason, reason);
}

static void fail_to_sync(cadre_self *self)
{
    spawn_writer(self);
    assert_int_equal(outcome(ask("one"), NULL), 0);
    disk.sync_code = -EIO;
    assert_int_equal(outcome(ask("two"), NULL), CADRE_EDEAD);
    fails_to_start(self, journal, -EIO); /* nor is anything taken after it */
}

static void nothing_behind_a_failure(void **state)
{
    static const int codes[] = {-ENOSPC, -EIO, -EDQUOT};
    for (size_t i = 0; i < 3; i++) {
        const char *path = new_path();
        disk_reset();
        failed_code = codes[i];
        open_it(path, CADRE_FSYNC_ALWAYS);
        assert_int_equal(play(fail_at_the_second), 0);
        assert_true(lines_with("the journal cannot be written") > 0);
        assert_true(lines_with(cadre_strerror(failed_code)) > 0);
        close_it(failed_code);
        disk_reset();
        has(path, "one ", 5);
    }
    open_it(new_path(), CADRE_FSYNC_ALWAYS);
    assert_int_equal(play(fail_to_sync), 0);
    close_it(-EIO);
    disk_reset();
}

static void interrupts_do_no_harm(void **state)
{
    const char *path = new_path();
    disk_reset();
    disk.most = 2;
    atomic_store(&disk.interrupts, 5);
    keep_three(path);
    atomic_store(&disk.interrupts, 3);
    has(path, "one two three ", 0);
    disk_reset();
}

static void one_program_at_a_time(void **state)
{
    const char *path = new_path();
    cadre_journal *other;
    open_it(path, CADRE_FSYNC_ALWAYS);
    assert_int_equal(cadre_journal_open(&other, path, NULL), -EAGAIN);
    close_it(0);
    assert_int_equal(cadre_journal_open(&other, path, NULL), 0);
    assert_int_equal(cadre_journal_close(other), 0);
}

static void opening_fails_with_a_reason(void **state)
{
    static const int codes[] = {-EAGAIN, -EBADMSG, -ENOENT, -EISDIR, -ENOSPC, -EIO};
    cadre_journal *none;
    cadre_journal_options wrong = {.fsync = 3};
    make_folder();
    assert_int_equal(cadre_journal_open(&none, in_folder("no/such"), NULL), -ENOENT);
    assert_int_equal(cadre_journal_open(&none, folder, NULL), -EISDIR);
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    assert_int_equal(cadre_journal_open(&none, in_folder("fifo"), NULL), -ENOTSUP);
    assert_int_equal(cadre_journal_open(&none, new_path(), &wrong), -EINVAL);
    wrong = (cadre_journal_options){.reserved = {&wrong}};
    assert_int_equal(cadre_journal_open(&none, new_path(), &wrong), -EINVAL);
    assert_int_equal(cadre_journal_open(NULL, new_path(), NULL), -EINVAL);
    assert_int_equal(cadre_journal_open(&none, NULL, NULL), -EINVAL);
    assert_int_equal(cadre_journal_read(NULL, see, NULL), -EINVAL);
    assert_int_equal(cadre_journal_close(NULL), 0);
    assert_int_equal(cadre_journal_cut(NULL), 0);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_string_not_equal(cadre_journal_why(codes[i]), cadre_strerror(codes[i]));
    assert_string_equal(cadre_journal_why(-EPIPE), cadre_strerror(-EPIPE));
    assert_int_equal(cadre_fsync_named("always"), CADRE_FSYNC_ALWAYS);
    assert_int_equal(cadre_fsync_named("everysec"), CADRE_FSYNC_EVERYSEC);
    assert_int_equal(cadre_fsync_named("no"), CADRE_FSYNC_NO);
    assert_int_equal(cadre_fsync_named("never"), -1);
    assert_int_equal(cadre_fsync_named(NULL), -1);
}

/* ---- the writer ---- */

typedef struct large {
    uint8_t bytes[CADRE_JOURNAL_BODY + 1];
} large;
static unsigned dropped;
static void drop_large(void *body) { dropped++; }
static CADRE_TYPE_DROP(large, drop_large);

static void refuse_what_is_none(cadre_self *self)
{
    large body = {{0}};
    spawn_writer(self);
    assert_int_equal(outcome(ask(""), NULL), -EMSGSIZE);
    assert_int_equal(cadre_journal_send(self, writer, cadre_buf_new("x", 1),
                                        cadre_me(self), &large_type, &body),
                     -EINVAL);
    assert_int_equal(dropped, 1);
    assert_int_equal(outcome(ask("one"), NULL), 0);
}
static void bad_records_are_refused(void **state)
{
    const char *path = new_path();
    dropped = 0;
    open_it(path, CADRE_FSYNC_ALWAYS);
    assert_int_equal(play(refuse_what_is_none), 0);
    close_it(0);
    has(path, "one ", 0);
}

static void body_is_told_or_dropped(cadre_self *self)
{
    spawn_writer(self);
    for (uint32_t i = 0; i < 4; i++) /* the last two have nobody */
        assert_int_equal(cadre_journal_send(self, writer, cadre_buf_new("x", 1),
                                            i < 2 ? cadre_me(self) : (cadre_ref){0},
                                            &owned_type, &(owned){i}),
                         0);
    disk.write_code = -EIO;
    disk.room = 1;
}
static void bodies_are_dropped_once(void **state)
{
    drops_clear();
    disk_reset();
    open_it(new_path(), CADRE_FSYNC_ALWAYS);
    assert_int_equal(play(body_is_told_or_dropped), 0);
    close_it(-EIO);
    assert_dropped_once(4);
    disk_reset();
}

static void no_journal(cadre_self *self) { fails_to_start(self, NULL, -EINVAL); }
static void one_without_a_journal_fails(void **state)
{
    assert_int_equal(play(no_journal), 0);
}

/* One behind the other; numbers of writes go on. */
static void two_writers(cadre_self *self)
{
    for (int i = 0; i < 2; i++) {
        cadre_token token;
        cadre_msg m;
        spawn_writer(self);
        assert_int_equal(outcome(ask(i ? "two" : "one"), NULL), 0);
        assert_int_equal(cadre_watch(self, &token, writer), 0);
        cadre_stop(self, writer);
        assert_int_equal(cadre_await(self, token, &m), 0);
    }
}
static void another_writer_goes_on(void **state)
{
    const char *path = new_path();
    open_it(path, CADRE_FSYNC_ALWAYS);
    assert_int_equal(play(two_writers), 0);
    close_it(0);
    has(path, "one two ", 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(told_is_durable),
          cmocka_unit_test(others_are_written_at_the_end),
          cmocka_unit_test(everysec_syncs), cmocka_unit_test(order_is_kept),
          cmocka_unit_test(syncs_are_shared), cmocka_unit_test(torn_end_is_cut),
          cmocka_unit_test(torn_end_with_zeros_is_cut),
          cmocka_unit_test(a_framing_of_ones_own_and_zeros),
          cmocka_unit_test(damage_is_refused), cmocka_unit_test(a_framing_of_ones_own),
          cmocka_unit_test(each_may_refuse), cmocka_unit_test(nothing_behind_a_failure),
          cmocka_unit_test(interrupts_do_no_harm),
          cmocka_unit_test(one_program_at_a_time),
          cmocka_unit_test(opening_fails_with_a_reason),
          cmocka_unit_test(bad_records_are_refused),
          cmocka_unit_test(bodies_are_dropped_once),
          cmocka_unit_test(one_without_a_journal_fails),
          cmocka_unit_test(another_writer_goes_on));
    return RUN_TESTS();
}

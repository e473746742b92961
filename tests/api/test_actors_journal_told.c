/* test_actors_journal_told.c: who is told of a record when others wait, or refuse it. */
#include "support/folder.h"

#include <cadre/actors/journal.h>
#include <cadre/await.h>
#include <cadre/limit.h>
#include <cadre/supervise.h>

#include <unistd.h>

enum { LARGE = 33 << 20, FEW = 3 };

static cadre_journal *journal;
static cadre_ref writer, heard_by;

/* Records without checksums, which would take longer than all else. */
static void open_it(void)
{
    const cadre_journal_options options = {
        .fsync = CADRE_FSYNC_NO,
        .framing = {.measure = cadre_framing_fixed, .size = 1}};
    make_folder();
    assert_int_equal(cadre_journal_open(&journal, in_folder("told"), &options), 0);
}
static void close_it(void)
{
    assert_int_equal(cadre_journal_close(journal), 0);
    assert_int_equal(unlink(in_folder("told")), 0);
}

static void spawn_writer(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, &writer, &cadre_journal_writer_class,
                                 &(cadre_journal_writer){.journal = journal}),
                     0);
}

static void tell(cadre_self *self, size_t size, uint64_t value)
{
    assert_int_equal(cadre_journal_send(self, writer, cadre_buf_new(NULL, size),
                                        heard_by, &number_type, &(number){value}),
                     0);
}

/* All of it is written when this is answered. */
static void expect_kept(cadre_self *self)
{
    cadre_token token;
    cadre_msg m;
    assert_int_equal(cadre_ask(self, &token, writer, CADRE_NEVER, cadre_journal_append,
                               .record = cadre_buf_new("x", 1)),
                     0);
    assert_int_equal(cadre_await(self, token, &m), 0);
    assert_non_null(cadre_body(&m, cadre_journal_kept));
}

/* ---- order_is_kept ----------------------------------------------------------------- */

/* Beyond 64 MiB the second waits until it is written. */
static void tell_in_order(cadre_self *self)
{
    spawn_writer(self);
    assert_int_equal(cadre_spawn(self, &heard_by, &recorder_class, NULL), 0);
    tell(self, LARGE, 0);
    tell(self, LARGE, 1);
    for (uint64_t i = 2; i < 2 + FEW; i++)
        tell(self, 1, i);
    expect_kept(self);
}

static void order_is_kept_behind_what_waits(void **state)
{
    record_clear();
    open_it();
    assert_int_equal(play(tell_in_order), 0);
    assert_int_equal(record.count, 2 + FEW);
    for (unsigned i = 0; i < record.count; i++)
        assert_int_equal(record.values[i], i);
    close_it();
}

/* ---- whoever refuses --------------------------------------------------------------- */

/* Its mailbox is full, as it waits. */
static int wait_for_it(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg unused;
    cadre_token never;
    int err = cadre_ask(self, &never, writer, CADRE_NEVER, cadre_journal_append,
                        .record = cadre_buf_new("y", 1));
    return err ? err : cadre_await(self, never, &unused);
}
static const cadre_class busy = {.name = "busy", .receive = wait_for_it};

static void tell_the_busy(cadre_self *self)
{
    const cadre_limit limit = {.mailbox_max = 1};
    spawn_writer(self);
    assert_int_equal(
        cadre_spawn_with(self, &heard_by, &busy, NULL, &(cadre_opts){.limit = &limit}),
        0);
    for (uint64_t i = 0; i < 10; i++)
        tell(self, 1, i);
    expect_kept(self); /* the writer is there */
}

static void who_refuses_ends_nobody(void **state)
{
    open_it();
    assert_int_equal(play(tell_the_busy), 0);
    close_it();
}

int main(void)
{
    TESTS(cmocka_unit_test(order_is_kept_behind_what_waits),
          cmocka_unit_test(who_refuses_ends_nobody));
    return RUN_TESTS();
}

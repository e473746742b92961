/* wordcount.c: counts the words of files with a graph of actors.
 *
 *     reader -> splitters -> counters, each with its share of the words -> merger
 *
 * A word is a run of ASCII letters, in any case; files are read as if they were one. The
 * merger is the root. Text flows to the right, and every piece of it is acknowledged to
 * the left: by a counter when it has added a tally to its own, by a splitter when all
 * the tallies of a chunk were. The reader never has more than CREDITS chunks per splitter
 * under way, so that memory does not grow with the input; and when, at its end, all of
 * them are home, everything is counted. */
#include "input.h"
#include "table.h"

#include <cadre.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CREW_MAX = 64, CREDITS = 2 };

/* To a splitter: text that does not end within a word. */
typedef struct {
    cadre_buf *buf;
    size_t size; /* of what is used of it */
} chunk;
/* To a counter, and from a counter to the merger: what was counted. */
typedef struct {
    struct table table;
} tally;
typedef struct {
    int none;
} ack;
/* To the reader: begin, or look for input again. */
typedef struct {
    int none;
} go;
/* From the reader to the merger, and on to the counters: that was all. */
typedef struct {
    int none;
} finish;

static void chunk_drop(void *body) { cadre_buf_unref(((chunk *)body)->buf); }
static void tally_drop(void *body) { table_clear(&((tally *)body)->table); }
static CADRE_TYPE_DROP(chunk, chunk_drop);
static CADRE_TYPE_DROP(tally, tally_drop);
static CADRE_TYPE(ack);
static CADRE_TYPE(go);
static CADRE_TYPE(finish);

/* Nobody looks after these children: when one fails, all end. */
static void fail_together(cadre_self *self, int reason)
{
    if (reason < 0 && reason != CADRE_EPARENT)
        cadre_kill(self, cadre_parent(self), reason);
}

/* ---- counter: adds up its share ---- */

struct counter {
    struct table table;
};

static int counter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct counter *me = state;
    tally *t = cadre_body(m, tally);
    if (t) {
        int err = table_merge(&me->table, &t->table);
        return err ? err : cadre_reply(self, m, ack, 0);
    }
    if (!cadre_body(m, finish))
        return cadre_unhandled(self, m);
    tally all = {me->table};
    me->table = (struct table){NULL, 0, 0};
    return cadre_reply_as(self, m, &tally_type, &all);
}

static void counter_stop(cadre_self *self, void *state, int reason)
{
    table_clear(&((struct counter *)state)->table);
    fail_together(self, reason);
}
static const cadre_class counter = {.name = "counter",
                                    .state_size = sizeof(struct counter),
                                    .receive = counter_receive,
                                    .stop = counter_stop};

/* ---- splitter: cuts chunks into words, and counts those of a chunk ---- */

struct splitter {
    cadre_ref reader;
    uint32_t shares;              /* one per counter */
    uint32_t on_the_way;          /* tallies that were not acknowledged */
    uint32_t owed;                /* chunks to acknowledge once there are none */
    cadre_ref counters[CREW_MAX]; /* filled in by the merger, as is shares */
};

/* Adds each word of the text, which it turns to lower case, to its counter's share. */
static int count_words(tally *tallies, uint32_t shares, char *text, size_t size)
{
    size_t start = 0;
    int err = 0;
    for (size_t i = 0; i <= size && err == 0; i++) {
        if (i < size && is_letter(text[i])) {
            text[i] |= 32;
            continue;
        }
        if (i > start) {
            uint64_t share = (table_hash(text + start, i - start) >> 32) % shares;
            err = table_add(&tallies[share].table, text + start, i - start, 1);
        }
        start = i + 1;
    }
    return err;
}

/* A chunk is acknowledged when nothing of it is on the way. */
static int splitter_settle(cadre_self *self, struct splitter *me)
{
    int err = 0;
    for (; me->on_the_way == 0 && me->owed > 0 && err == 0; me->owed--)
        err = cadre_send(self, me->reader, ack, 0);
    return err;
}

static int splitter_on_chunk(cadre_self *self, struct splitter *me, const chunk *c)
{
    tally tallies[CREW_MAX] = {0};
    int err = count_words(tallies, me->shares, (char *)cadre_buf_data(c->buf), c->size);
    for (uint32_t i = 0; i < me->shares; i++)
        if (err == 0 && tallies[i].table.used > 0) {
            err = cadre_send_as(self, me->counters[i], &tally_type, &tallies[i]);
            me->on_the_way++;
        } else {
            table_clear(&tallies[i].table);
        }
    me->owed++;
    return err ? err : splitter_settle(self, me);
}

static int splitter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct splitter *me = state;
    chunk *c = cadre_body(m, chunk);
    if (c) {
        me->reader = m->from;
        return splitter_on_chunk(self, me, c);
    }
    if (!cadre_body(m, ack))
        return cadre_unhandled(self, m);
    me->on_the_way--;
    return splitter_settle(self, me);
}

static void splitter_stop(cadre_self *self, void *state, int reason)
{
    fail_together(self, reason);
}
static const cadre_class splitter = {.name = "splitter",
                                     .state_size = sizeof(struct splitter),
                                     .receive = splitter_receive,
                                     .stop = splitter_stop};

/* ---- reader: hands out chunks, as many as there are credits ---- */

struct reader {
    struct input input;
    bool waiting; /* for go */
    uint32_t credits, home;
    cadre_ref idle[CREW_MAX * CREDITS]; /* splitters, once for each credit at home */
};

/* A handler must not block. One that, without input, waits for a millisecond and then
 * lets others have their turn is the next best thing. */
static int reader_feed(cadre_self *self, struct reader *me)
{
    while (me->home > 0 && !me->waiting) {
        chunk c;
        int err = input_next(&me->input, &c.buf, &c.size);
        if (err == 0 && me->home < me->credits)
            return 0; /* that was all, but not all is counted */
        if (err == 0)
            return cadre_send(self, cadre_parent(self), finish, 0);
        me->waiting = err == -EAGAIN;
        if (me->waiting)
            err = cadre_send(self, cadre_me(self), go, 0);
        else if (err > 0)
            err = cadre_send_as(self, me->idle[--me->home], &chunk_type, &c);
        if (err < 0)
            return err;
    }
    return 0;
}

static int reader_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct reader *me = state;
    if (cadre_body(m, ack))
        me->idle[me->home++] = m->from;
    else if (cadre_body(m, go))
        me->waiting = false;
    else
        return cadre_unhandled(self, m);
    return reader_feed(self, me);
}

static void reader_stop(cadre_self *self, void *state, int reason)
{
    struct reader *me = state;
    input_close(&me->input);
    fail_together(self, reason);
}
static const cadre_class reader = {.name = "reader",
                                   .state_size = sizeof(struct reader),
                                   .receive = reader_receive,
                                   .stop = reader_stop};

/* ---- merger: plants the graph, and puts the shares together ---- */

struct merger {
    char **paths;
    bool *failed;
    struct table *result; /* the program's: it prints when all has ended */
    uint32_t count, tallies;
    cadre_ref counters[CREW_MAX];
};

static int merger_start(cadre_self *self, void *state)
{
    struct merger *me = state;
    struct reader r = {.input = {me->paths, me->failed, .fd = -1}};
    struct splitter s = {.shares = 0};
    cadre_counters stats;
    cadre_ref ref;
    int err = cadre_stats(cadre_system_of(self), &stats);
    me->count = stats.workers < CREW_MAX ? stats.workers : CREW_MAX;
    for (uint32_t i = 0; i < me->count && err == 0; i++)
        err = cadre_spawn(self, &me->counters[i], &counter, NULL);
    s.shares = me->count;
    memcpy(s.counters, me->counters, sizeof s.counters);
    for (uint32_t i = 0; i < me->count && err == 0; i++) {
        err = cadre_spawn(self, &ref, &splitter, &s);
        for (int k = 0; k < CREDITS; k++)
            r.idle[r.credits++] = ref;
    }
    r.home = r.credits;
    if (err == 0)
        err = cadre_spawn(self, &ref, &reader, &r);
    return err ? err : cadre_send(self, ref, go, 0);
}

static int merger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct merger *me = state;
    tally *t = cadre_body(m, tally);
    int err = 0;
    if (t) {
        err = table_merge(me->result, &t->table);
        return err == 0 && ++me->tallies == me->count ? CADRE_STOP : err;
    }
    if (!cadre_body(m, finish))
        return cadre_unhandled(self, m);
    for (uint32_t i = 0; i < me->count && err == 0; i++)
        err = cadre_send(self, me->counters[i], finish, 0);
    return err;
}
static const cadre_class merger = {.name = "merger",
                                   .state_size = sizeof(struct merger),
                                   .start = merger_start,
                                   .receive = merger_receive};

/* ---- the program ---- */

static void print_help(void)
{
    puts("usage: wordcount [--workers N] [--top K] [FILE...]\n\n"
         "Counts the words of the files, or of the standard input (also as \"-\"): "
         "runs\n"
         "of ASCII letters, in any case. The most frequent come first.\n\n"
         "  --workers N  threads, 1 to 64; default: one for each CPU\n"
         "  --top K      print only the first K words\n"
         "  --help       print this and exit");
}

static uint64_t read_number(const char *option, const char *text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && !errno && number > 0 && number <= max)
        return number;
    fprintf(stderr,
            "wordcount: --%s takes a number from 1 to %" PRIu64 ", not \"%s\"\n",
            option, max, text);
    exit(2);
}

/* Returns where the files begin. */
static int read_options(cadre_config *config, uint64_t *top, int argc, char **argv)
{
    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"top", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (c == 'w')
            config->workers = (uint32_t)read_number("workers", optarg, CREW_MAX);
        else if (c == 't')
            *top = read_number("top", optarg, UINT32_MAX);
        else if (c == 'h')
            print_help();
        if (c == 'h' || c == '?')
            exit(c == 'h' ? 0 : 2);
    }
    return optind;
}

static int print_words(struct table *words, uint64_t top)
{
    table_sort(words);
    for (size_t i = 0; i < words->used && i < top; i++)
        printf("%7" PRIu64 " %s\n", words->entries[i].count, words->entries[i].word);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "wordcount: writing the result failed\n");
    return 1;
}

int main(int argc, char **argv)
{
    cadre_config config = {.workers = 0};
    uint64_t top = UINT64_MAX;
    char *standard_input[] = {"-", NULL};
    struct table words = {NULL, 0, 0};
    bool failed = false;
    int first = read_options(&config, &top, argc, argv);
    struct merger init = {.paths = first < argc ? argv + first : standard_input,
                          .failed = &failed,
                          .result = &words};
    int err = cadre_run(&config, &merger, &init);
    if (err < 0)
        fprintf(stderr, "wordcount: %s\n", cadre_strerror(err));
    else
        failed |= print_words(&words, top) != 0;
    table_clear(&words);
    return err < 0 || failed;
}

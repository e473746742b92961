/* files.c: actors on real threads append to one file, sync it and read from it, and give
 * up some of that, while the file is stopped or killed, at the end or in the midst: what
 * was answered as written is in the file, once and in the order of each; nothing else is
 * but what followed it; each request has one outcome; no descriptor is left. */
#include "support/effort.h"
#include "support/options.h"
#include "support/process.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/actors/file.h>

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CLIENTS = 6, AHEAD = 4, RECORD = 12 };

static char path[] = "/tmp/cadre-stress-files-XXXXXX";
static struct {
    uint64_t size;
    bool kills;
    cadre_ref file;
    atomic_uint_fast64_t asked, over; /* requests; given up or with an outcome */
    atomic_uint_fast64_t written[CLIENTS], all, syncs, done;
} scene;

/* ---- clients ---- */

typedef struct {
    uint32_t id, ahead;
    uint64_t n;
} client;

static int on_written(cadre_self *self, void *state, cadre_msg *m);

/* Something that it gives up at once, every second time. */
static int ask_beside(cadre_self *self, uint64_t dice)
{
    cadre_token token;
    int err = dice % 3 ? cadre_ask(self, &token, scene.file, CADRE_SECOND * 60,
                                   cadre_file_read_at, dice % 5000, 100)
                       : cadre_ask(self, &token, scene.file, CADRE_SECOND * 60,
                                   cadre_file_sync, 0);
    atomic_fetch_add(&scene.asked, !err);
    if (!err && dice / 3 % 2) {
        CHECK_EQ(cadre_cancel(self, token), 0);
        atomic_fetch_add(&scene.over, 1);
    }
    return err;
}

static int append(cadre_self *self, client *me)
{
    char record[RECORD + 1];
    cadre_token token;
    snprintf(record, sizeof record, "%" PRIu32 " %09" PRIu64 "\n", me->id, me->n++);
    int err = cadre_ask(self, &token, scene.file, CADRE_NEVER, cadre_file_write_at,
                        CADRE_FILE_END, cadre_buf_new(record, RECORD));
    if (err)
        return err;
    me->ahead++;
    atomic_fetch_add(&scene.asked, 1);
    err = cadre_then(self, token, on_written);
    uint64_t dice = cadre_random(self);
    return err || dice % 4 ? err : ask_beside(self, dice / 4);
}

static int on_written(cadre_self *self, void *state, cadre_msg *m)
{
    client *me = state;
    const cadre_file_written *w = cadre_body(m, cadre_file_written);
    atomic_fetch_add(&scene.over, 1);
    me->ahead--;
    if (w) {
        CHECK_EQ(w->code, 0);
        CHECK_EQ(w->bytes, RECORD);
        CHECK_EQ(w->offset % RECORD, 0);
        atomic_fetch_add(&scene.written[me->id], 1);
        atomic_fetch_add(&scene.all, 1);
        if (me->n < scene.size)
            return append(self, me);
    } else {
        CHECK_EQ(cadre_body(m, cadre_failure)->code, CADRE_EDEAD);
    }
    atomic_fetch_add(&scene.done, me->ahead == 0);
    return 0;
}

static int client_start(cadre_self *self, void *state)
{
    client *me = state;
    int err = 0;
    for (int i = 0; i < AHEAD && !err; i++)
        err = append(self, me);
    return err;
}
/* What was asked beside. */
static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    atomic_fetch_add(&scene.over, 1);
    atomic_fetch_add(&scene.syncs, cadre_body(m, cadre_file_status) != NULL);
    if (failure)
        CHECK_EQ(failure->code, CADRE_EDEAD);
    return 0;
}
static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive};

typedef struct {
    int nothing;
} end;
static CADRE_TYPE(end);

static int root_start(cadre_self *self, void *state)
{
    cadre_file config = {.path = path, .use = CADRE_FILE_UPDATE};
    int err = cadre_spawn(self, &scene.file, &cadre_file_class, &config);
    for (uint32_t i = 0; !err && i < CLIENTS; i++)
        err = cadre_spawn(self, NULL, &client_class, &(client){.id = i});
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return scene.kills ? cadre_kill(self, scene.file, 0) : cadre_stop(self, scene.file);
}
static const cadre_class root_class = {.start = root_start, .receive = root_receive};
static void ignore_log(void *user, int level, const char *line) {}

/* ---- scenarios ---- */

static void begin(void)
{
    CHECK_EQ(truncate(path, 0), 0);
    for (int i = 0; i < CLIENTS; i++)
        atomic_store(&scene.written[i], 0);
    atomic_store(&scene.asked, 0);
    atomic_store(&scene.over, 0);
    atomic_store(&scene.all, 0);
    atomic_store(&scene.syncs, 0);
    atomic_store(&scene.done, 0);
}

static void check_file(void)
{
    uint64_t next[CLIENTS] = {0}, n;
    uint32_t id;
    FILE *file = fopen(path, "r");
    while (file && fscanf(file, "%" SCNu32 " %09" SCNu64 "\n", &id, &n) == 2) {
        CHECK(id < CLIENTS);
        if (id < CLIENTS)
            CHECK_EQ(n, next[id]++);
    }
    CHECK(file && feof(file));
    if (file)
        fclose(file);
    for (int i = 0; i < CLIENTS; i++)
        CHECK(next[i] >= atomic_load(&scene.written[i]));
}

/* The file ends when so much has been written, and its clients are told. */
static void play(uint64_t until)
{
    cadre_system *sys;
    unsigned open = process_descriptors();
    cadre_config config = {.workers = 3, .log = ignore_log};
    begin();
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    while (atomic_load(&scene.all) < until && atomic_load(&scene.done) < CLIENTS)
        sched_yield();
    CHECK_EQ(cadre_tell(sys, cadre_system_root(sys), end, 0), 0);
    while (atomic_load(&scene.done) < CLIENTS ||
           atomic_load(&scene.over) < atomic_load(&scene.asked))
        sched_yield();
    CHECK_EQ(atomic_load(&scene.over), atomic_load(&scene.asked));
    CHECK_EQ(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(process_descriptors(), open);
    check_file();
}

static void to_the_end(void)
{
    play(UINT64_MAX);
    CHECK_EQ(atomic_load(&scene.all), CLIENTS * scene.size);
}
static void in_the_midst(void)
{
    for (uint64_t round = 0; round < 20 + scene.size / 100; round++) {
        scene.kills = round % 2;
        play(round * 37 % 1000);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {{"to_the_end", to_the_end}, {"in_the_midst", in_the_midst}};

int main(int argc, char **argv)
{
    scene.size = effort(1000, 20000);
    const struct option_entry options[] = {
        {"records", &scene.size, NULL, "of each actor"}, {0}};
    options_read(argc, argv, "what was answered as written is in the file", options);
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    for (unsigned i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        double from = effort_clock();
        verdict_begin(effort_is_long() ? 3600 : 120, "--records %" PRIu64, scene.size);
        scenarios[i].run();
        bool ok = verdict_end();
        printf(
            "%s: %s, %" PRIu64 " written and %" PRIu64 " syncs in the last, %.2f s\n",
            scenarios[i].name, ok ? "ok" : "FAILED", (uint64_t)atomic_load(&scene.all),
            (uint64_t)atomic_load(&scene.syncs), effort_clock() - from);
    }
    close(fd);
    unlink(path);
    return verdict_print();
}

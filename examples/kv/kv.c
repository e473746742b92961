/* kv: a store of strings and lists that redis-cli and any other client of Redis can use.
 *
 *     client -> session -> shards, each with its share of the keys -> session -> client
 *                               \-> journal -> (synced) -> session
 *
 * kv --port 6379 --dir . --fsync always
 *
 * With --dir every change goes to the file kv.aof there, and is there again after a
 * restart; see journal.c. What a command for several keys does is done key by key. */
#include "kv.h"

#include <cadre/actors/topic.h>
#include <cadre/shutdown.h>
#include <cadre/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- the server ---- */

struct server {
    struct kv *kv;
};

static int server_start(cadre_self *self, void *state)
{
    struct kv *kv = ((struct server *)state)->kv;
    cadre_stream listener;
    cadre_address address;
    const cadre_stream_options options = {.half_open = true};
    int err =
        cadre_spawn(self, &kv->topic, &cadre_topic_class, &(cadre_topic){.topics = 0});
    if (!err && kv->fd >= 0)
        err = journal_spawn(self, &kv->journal, kv);
    for (uint32_t i = 0; i < kv->shards && !err; i++)
        err = shard_spawn(self, &kv->shard[i], kv, i);
    if (!err)
        err = cadre_tcp_listen(self, &listener, "127.0.0.1", kv->port, &options);
    if (!err)
        err = cadre_tcp_local(self, listener, &address);
    if (err)
        return err;
    kv->port = address.port;
    printf("listening on port %u\n", kv->port);
    fflush(stdout);
    return 0;
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_ref session;
    if (!opened)
        return 0;
    int err = session_spawn(self, &session, ((struct server *)state)->kv);
    return err ? err : cadre_stream_give(self, opened->stream, session);
}

static const cadre_class server_class = {.name = "server",
                                         .state_size = sizeof(struct server),
                                         .start = server_start,
                                         .receive = server_receive};

/* ---- the program ---- */

static int check(void *arg, const uint8_t *bytes, size_t size)
{
    struct args args;
    return command_of(bytes, size, &args) ? 0 : -EPROTO;
}

/* Opens the journal of that directory, for this process alone, without what is not whole
 * at its end. Returns 0 or a negative code. */
static int open_journal(struct kv *kv, const char *dir)
{
    int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return -errno;
    kv->fd = openat(at, "kv.aof", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int err = kv->fd < 0 || fsync(at) || flock(kv->fd, LOCK_EX | LOCK_NB) ? -errno : 0;
    close(at);
    int64_t end = err ? err : journal_read(kv->fd, check, NULL);
    off_t size = err ? 0 : lseek(kv->fd, 0, SEEK_END);
    if (end >= 0 && end < size) {
        fprintf(stderr, "kv: kv.aof: the last %" PRId64 " bytes are no whole command\n",
                (int64_t)size - end);
        return ftruncate(kv->fd, end) || fsync(kv->fd) ? -errno : 0;
    }
    return end < 0 ? (int)end : 0;
}

static const char help[] =
    "usage: kv [options]\n"
    "  --port N      listen on 127.0.0.1 there; 0: a free port, which is printed "
    "(6379)\n"
    "  --dir PATH    keep the data in PATH/kv.aof; without it nothing is kept\n"
    "  --fsync WHEN  always: before a change is answered; everysec; no  (everysec)\n"
    "  --shards N    actors that share the keys, 1 to 64  (as many as workers)\n"
    "  --workers N   threads  (one for each CPU)\n";

static unsigned number_of(const char *text, unsigned most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*text && !*end && n <= most)
        return (unsigned)n;
    fprintf(stderr, "kv: not a number up to %u: %s\n", most, text);
    exit(2);
}

static enum fsync_policy policy_of(const char *text)
{
    static const char *const names[] = {"always", "everysec", "no"};
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0)
            return (enum fsync_policy)i;
    fprintf(stderr, "kv: --fsync is always, everysec or no\n");
    exit(2);
}

static void read_options(int argc, char **argv, struct kv *kv, cadre_config *config,
                         const char **dir)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"dir", required_argument, NULL, 'd'},
                                            {"fsync", required_argument, NULL, 'f'},
                                            {"shards", required_argument, NULL, 's'},
                                            {"workers", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'p')
            kv->port = (uint16_t)number_of(optarg, UINT16_MAX);
        else if (o == 'd')
            *dir = optarg;
        else if (o == 'f')
            kv->fsync = policy_of(optarg);
        else if (o == 's')
            kv->shards = number_of(optarg, SHARDS_MAX);
        else if (o == 'w')
            config->workers = number_of(optarg, 1024);
        else {
            fputs(help, o == 'h' ? stdout : stderr);
            exit(o == 'h' ? 0 : 2);
        }
    }
    if (optind < argc)
        fputs(help, stderr);
    if (optind < argc)
        exit(2);
}

int main(int argc, char **argv)
{
    static struct kv kv = {.port = 6379,
                           .fd = -1,
                           .fsync = FSYNC_EVERYSEC,
                           .file = PTHREAD_MUTEX_INITIALIZER};
    cadre_config config = {.workers = 0};
    const char *dir = NULL;
    read_options(argc, argv, &kv, &config, &dir);
    if (kv.shards == 0)
        kv.shards = config.workers && config.workers <= SHARDS_MAX ? config.workers : 4;
    if (getrandom(&kv.seed, sizeof kv.seed, 0) < 0)
        return 1;
    int err = dir ? open_journal(&kv, dir) : 0;
    if (!err)
        err = cadre_serve(&config, &server_class, &(struct server){.kv = &kv},
                          2 * CADRE_SECOND, 5 * CADRE_SECOND);
    if (kv.broken)
        fprintf(stderr,
                "kv: %s/kv.aof cannot be written: free some space there, or look after "
                "the device, and start again\n",
                dir);
    err = err ? err : kv.broken;
    if (err)
        fprintf(stderr, "kv: %s%s%s\n", dir ? dir : "", dir ? ": " : "",
                cadre_strerror(err));
    return err != 0;
}

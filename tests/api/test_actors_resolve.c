/* test_actors_resolve.c: names of hosts, with and without a name server that answers. */
#include "support/folder.h"
#include "support/fronts.h"
#include "support/open.h"

#include <cadre/actors/file.h>
#include <cadre/actors/resolve.h>
#include <cadre/await.h>
#include <cadre/future.h>
#include <cadre/offload.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- looking up ------------------------------------------------------------------ */

/* In the place of the C library's: what it answers follows from the host. */
static atomic_bool look_ups_wait, for_real;
static atomic_uint look_ups;

static int (*library)(const char *, const char *, const struct addrinfo *,
                      struct addrinfo **);

static int numeric(const char *host, struct addrinfo **result)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    return library(host, NULL, &hints, result);
}

/* 10.0.0.1, 10.0.0.2 ..., each twice. */
static int many(struct addrinfo **result, int n)
{
    char host[20];
    int err = 0;
    for (int i = 2 * n - 1; i >= 0 && !err; i--) {
        struct addrinfo *rest = *result;
        snprintf(host, sizeof host, "10.0.0.%d", 1 + i / 2);
        err = numeric(host, result);
        if (!err)
            (*result)->ai_next = rest;
    }
    return err;
}

static int fail_as(const char *host)
{
    static const struct {
        const char *host;
        int error;
    } failures[] = {{"none", EAI_NONAME},     {"nodata", EAI_NODATA},
                    {"again", EAI_AGAIN},     {"refused", EAI_FAIL},
                    {"memory", EAI_MEMORY},   {"system", EAI_SYSTEM},
                    {"service", EAI_SERVICE}, {"family", EAI_ADDRFAMILY}};
    errno = ENETDOWN;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (strcmp(host, failures[i].host) == 0)
            return failures[i].error;
    return 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    if (atomic_load(&for_real))
        return library(host, service, hints, result);
    atomic_fetch_add(&look_ups, 1);
    while (atomic_load(&look_ups_wait))
        sched_yield();
    int error = fail_as(host);
    *result = NULL;
    return error                        ? error
           : strcmp(host, "link") == 0  ? numeric("fe80::1%lo", result)
           : strcmp(host, "many") == 0  ? many(result, 20)
           : strcmp(host, "twice") == 0 ? many(result, 2)
                                        : numeric("10.1.2.3", result);
}

static void answer_all(void)
{
    atomic_store(&look_ups, 0);
    atomic_store(&look_ups_wait, false);
    atomic_store(&for_real, false);
    *(void **)(void *)&library = dlsym(RTLD_NEXT, "getaddrinfo");
    assert_non_null(library);
}

/* ---- one after the other --------------------------------------------------------- */

static cadre_self *me;
static cadre_token op;

static cadre_msg outcome(int err)
{
    cadre_msg m;
    assert_int_equal(err, 0);
    assert_int_equal(cadre_await(me, op, &m), 0);
    return m;
}
static const cadre_addresses *found(int err)
{
    cadre_msg m = outcome(err);
    assert_ptr_equal(m.type, &cadre_addresses_type);
    return m.body;
}
static const cadre_failure *failure(int err, int code)
{
    cadre_msg m = outcome(err);
    assert_ptr_equal(m.type, &cadre_failure_type);
    assert_int_equal(cadre_body(&m, cadre_failure)->code, code);
    return m.body;
}
static int look_up(const char *host)
{
    return cadre_resolve(me, &op, CADRE_NEVER, host, 80);
}
static void finds(int err, const char *host)
{
    const cadre_addresses *a = found(err);
    assert_int_equal(a->count, 1);
    assert_string_equal(a->at[0].host, host);
    assert_int_equal(a->at[0].port, 80);
}

static void (*scene)(void);
static void enter(cadre_self *self)
{
    me = self;
    scene();
}
static void act(void (*it)(void))
{
    scene = it;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        answer_all();
        assert_int_equal(play_with(&config, enter), 0);
    }
}

static void find_some(void)
{
    finds(look_up("host"), "10.1.2.3");
    const cadre_addresses *a = found(look_up("twice"));
    assert_int_equal(a->count, 2);
    assert_string_equal(a->at[1].host, "10.0.0.2");
    assert_int_equal(a->at[1].port, 80);
    a = found(look_up("many"));
    assert_int_equal(a->count, CADRE_ADDRESSES_MAX);
    assert_string_equal(a->at[CADRE_ADDRESSES_MAX - 1].host, "10.0.0.16");
    finds(look_up("link"), "fe80::1%lo");
}
static void host_has_its_addresses_each_once(void **state) { act(find_some); }

static void find_localhost(void)
{
    atomic_store(&for_real, true);
    const cadre_addresses *a = found(look_up("localhost"));
    assert_true(strcmp(a->at[0].host, "127.0.0.1") == 0 ||
                strcmp(a->at[0].host, "::1") == 0);
}
static void localhost_is_found(void **state) { act(find_localhost); }

static void look_up_numbers(void)
{
    finds(look_up("127.0.0.1"), "127.0.0.1");
    finds(look_up("::1"), "::1");
    finds(look_up("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"),
          "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255");
    assert_int_equal(cadre_resolve(me, NULL, CADRE_SECOND, "10.0.0.1", 1), 0);
    assert_int_equal(look_up("10.0.0.1"), 0);
    assert_int_equal(cadre_cancel(me, op), 0);
    assert_int_equal(atomic_load(&look_ups), 0);
}
static void number_is_not_looked_up(void **state) { act(look_up_numbers); }

static void look_up_in_vain(void)
{
    char text[200];
    const cadre_failure *f = failure(look_up("none"), -ENXIO);
    assert_non_null(f->message);
    cadre_failure_text(text, sizeof text, "look up", "none", f);
    assert_non_null(strstr(text, "look up none: "));
    assert_non_null(strstr(text, ": there is no such name: correct it"));
    (void)failure(look_up("nodata"), -ENXIO);
    (void)failure(look_up("family"), -ENXIO);
    assert_non_null(strstr(failure(look_up("again"), -EAGAIN)->message, "try again"));
    assert_non_null(failure(look_up("refused"), -EREMOTEIO)->message);
    (void)failure(look_up("memory"), -ENOMEM);
    (void)failure(look_up("system"), -ENETDOWN);
    (void)failure(look_up("service"), -EINVAL);
}
static void failure_has_remedy(void **state) { act(look_up_in_vain); }

static void bad_hosts(void)
{
    char longest[CADRE_HOST_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[CADRE_HOST_MAX + 1] = '\0';
    assert_int_equal(look_up(longest), -EINVAL);
    longest[CADRE_HOST_MAX] = '\0';
    finds(look_up(longest), "10.1.2.3");
    assert_int_equal(look_up(NULL), -EINVAL);
    assert_int_equal(look_up(""), -EINVAL);
}
static void bad_host_is_refused(void **state) { act(bad_hosts); }

static void give_some_up(void)
{
    cadre_token kept[30];
    for (int i = 0; i < 30; i++) {
        assert_int_equal(look_up(i % 2 ? "host" : "10.1.2.3"), 0);
        kept[i] = op;
        if (i % 3 == 0)
            assert_int_equal(cadre_cancel(me, op), 0);
    }
    for (int i = 0; i < 30; i++)
        if (i % 3 != 0) {
            op = kept[i];
            finds(0, "10.1.2.3");
        }
}
static void one_outcome(void **state) { act(give_some_up); }

/* ---- a resolver ------------------------------------------------------------------ */

static cadre_ref resolver;
static void make_resolver(cadre_resolver config)
{
    assert_int_equal(cadre_spawn(me, &resolver, &cadre_resolver_class, &config), 0);
}
static int ask(const char *host)
{
    cadre_resolver_ask a = {.port = 80};
    strcpy(a.host, host);
    return cadre_ask_as(me, &op, resolver, CADRE_NEVER, &cadre_resolver_ask_type, &a);
}
static void looked_up(unsigned n) { assert_int_equal(atomic_load(&look_ups), n); }

static void ask_at_once(void)
{
    cadre_token tokens[20];
    make_resolver((cadre_resolver){.ttl = 0});
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask(i % 2 ? "Host" : "hosT"), 0);
        tokens[i] = op;
    }
    assert_int_equal(cadre_cancel(me, tokens[0]), 0); /* the first */
    for (int i = 1; i < 20; i++) {
        op = tokens[i];
        finds(0, "10.1.2.3");
    }
    looked_up(1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask("none"), 0);
        tokens[i] = op;
    }
    for (int i = 0; i < 5; i++) {
        op = tokens[i];
        assert_non_null(failure(0, -ENXIO)->message);
    }
    looked_up(2);
    for (int i = 0; i < 10; i++) { /* or a little later */
        char host[20];
        snprintf(host, sizeof host, "host%d", i);
        assert_int_equal(ask(host), 0);
        tokens[0] = op;
        (void)failure(ask(""), -EINVAL);
        finds(ask(host), "10.1.2.3");
        op = tokens[0];
        finds(0, "10.1.2.3");
        looked_up(3 + (unsigned)i);
    }
}
static void equal_ones_are_one(void **state) { act(ask_at_once); }

static void pass(cadre_time time) { assert_int_equal(cadre_sleep(me, time), 0); }
static void ask_again(void)
{
    make_resolver((cadre_resolver){.ttl = CADRE_SECOND, .failed_ttl = CADRE_MS});
    finds(ask("host"), "10.1.2.3");
    pass(CADRE_SECOND - CADRE_MS);
    finds(ask("host"), "10.1.2.3");
    looked_up(1);
    pass(CADRE_MS);
    finds(ask("host"), "10.1.2.3");
    looked_up(2);
    (void)failure(ask("none"), -ENXIO);
    (void)failure(ask("none"), -ENXIO);
    looked_up(3);
    pass(CADRE_MS);
    (void)failure(ask("none"), -ENXIO);
    looked_up(4);
    (void)failure(ask("again"), -EAGAIN);
    (void)failure(ask("again"), -EAGAIN);
    looked_up(6);
}
static void ttl_is_kept(void **state) { act(ask_again); }

static void ask_for_many(void)
{
    make_resolver((cadre_resolver){.names = 2});
    finds(ask("one"), "10.1.2.3");
    pass(1);
    finds(ask("two"), "10.1.2.3");
    finds(ask("one"), "10.1.2.3");
    looked_up(2);
    finds(ask("three"), "10.1.2.3"); /* in the place of one */
    finds(ask("two"), "10.1.2.3");
    looked_up(3);
    finds(ask("one"), "10.1.2.3");
    looked_up(4);
    cadre_token a, b;
    assert_int_equal(ask("four"), 0);
    a = op;
    assert_int_equal(ask("five"), 0);
    b = op;
    (void)failure(ask("six"), CADRE_EFULL);
    op = a;
    finds(0, "10.1.2.3");
    op = b;
    finds(0, "10.1.2.3");
    make_resolver((cadre_resolver){.waiting = 2});
    cadre_token waiting[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask("host"), 0);
        waiting[i] = op;
    }
    (void)failure(ask("host"), CADRE_EFULL);
    for (int i = 0; i < 2; i++) {
        op = waiting[i];
        finds(0, "10.1.2.3");
    }
    finds(ask("another"), "10.1.2.3");
}
/* One worker, which handles all that was asked at a time before a call is made. */
static void within_bounds(void **state)
{
    scene = ask_for_many;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cadre_config config = quiet(1, seed);
        answer_all();
        assert_int_equal(play_with(&config, enter), 0);
    }
}

static void ask_wrongly(void)
{
    cadre_resolver_ask a = {.port = 80};
    make_resolver((cadre_resolver){.ttl = 0});
    (void)failure(ask(""), -EINVAL);
    memset(a.host, 'x', sizeof a.host);
    (void)failure(
        cadre_ask_as(me, &op, resolver, CADRE_NEVER, &cadre_resolver_ask_type, &a),
        -EINVAL);
    assert_int_equal(cadre_send(me, resolver, cadre_resolver_ask, "host", 1), 0);
    looked_up(0);
    assert_int_equal(ask("host"), 0);
    assert_int_equal(cadre_stop(me, resolver), 0);
    (void)failure(0, CADRE_EDEAD);
}
static void wrong_requests_are_refused(void **state) { act(ask_wrongly); }

static void bad_config_fails_the_start(void **state)
{
    const cadre_resolver bad[] = {{.ttl = -1}, {.failed_ttl = -1}, {.timeout = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_resolver_class, &bad[i], -EINVAL);
}

/* ---- look-ups that hang, on real threads ----------------------------------------- */

/* Looks up as many names as the number says, or reads a file, and passes on what comes;
 * of look-ups it only counts. */
enum { LOOK_UPS = 200, THREADS = 16 };
static atomic_uint failed;
static int on_looked_up(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&failed, cadre_body(m, cadre_failure) != NULL);
    return 0;
}
static int clerk_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *asked = state;
    const number *n = cadre_body(m, number);
    cadre_token token;
    char host[30];
    int err = 0;
    cadre_file_data *data = cadre_body(m, cadre_file_data);
    if (data)
        return cadre_answer(self, *asked, cadre_file_data, 0,
                            cadre_buf_move(&data->bytes));
    if (!n)
        return cadre_answer_as(self, *asked, m->type, m->body);
    for (uint64_t i = 0; i < n->value && !err; i++) {
        snprintf(host, sizeof host, "host%d.example", (int)i);
        err = cadre_resolve(self, &token, CADRE_NEVER, host, 80);
        if (!err)
            err = cadre_then(self, token, on_looked_up);
    }
    if (!err)
        err = cadre_defer(self, m, asked);
    return err ? err : cadre_file_read(self, NULL, CADRE_NEVER, in_folder("file"), 0);
}
static const cadre_class clerk = {
    .name = "clerk", .state_size = sizeof(cadre_promise), .receive = clerk_receive};

static void read_a_file(cadre_system *sys, uint64_t after_look_ups)
{
    cadre_future *future;
    cadre_msg m;
    assert_int_equal(
        cadre_call(sys, &future, cadre_system_root(sys), number, after_look_ups), 0);
    assert_int_equal(cadre_future_wait(future, CADRE_NEVER, &m), 0);
    assert_non_null(cadre_body(&m, cadre_file_data));
    cadre_future_free(future);
}

static void names_hold_up_no_file(void **state)
{
    answer_all();
    atomic_store(&look_ups_wait, true);
    put_file(in_folder("file"), "text");
    cadre_system *sys = open_system(1, 0, &clerk);
    read_a_file(sys, LOOK_UPS);
    await(&look_ups, THREADS);
    for (int i = 0; i < 100; i++)
        read_a_file(sys, 0);
    assert_int_equal(atomic_load(&look_ups), THREADS); /* none of them is over */
    atomic_store(&look_ups_wait, false);
    close_system(sys);
}

/* The same with the C library's look-ups and a name server, ours, that says nothing; in
 * the end it says that there is no such name. Each thread of the pool is told of it. */
static struct sockaddr_in server;
static atomic_uint told;
typedef struct {
    int none;
} nothing;
static CADRE_TYPE(nothing);
static int tell_thread(void *body)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* TSan knows not libc's */
    pthread_mutex_lock(&lock);
    res_init();
    pthread_mutex_unlock(&lock);
    _res.nscount = 1;
    _res.nsaddr_list[0] = server;
    _res.retrans = 30;
    atomic_fetch_add(&told, 1);
    while (atomic_load(&told) < THREADS)
        sched_yield();
    return 0;
}
static int teller_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; i < THREADS && !err; i++)
        err = cadre_offload(self, NULL, CADRE_POOL_NAMES, CADRE_NEVER, tell_thread,
                            nothing, 0);
    return err;
}
static int teller_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, nothing) ? 0 : clerk_receive(self, state, m);
}
static const cadre_class teller = {.name = "teller",
                                   .state_size = sizeof(cadre_promise),
                                   .start = teller_start,
                                   .receive = teller_receive};

static int open_server(void)
{
    socklen_t size = sizeof server;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&server, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&server, &size), 0);
    return fd;
}
/* Waits until somebody asks it, or all look-ups have failed without. */
static bool is_asked(int fd)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};
    while (poll(&in, 1, 10) == 0)
        if (atomic_load(&failed) == LOOK_UPS)
            return false;
    return true;
}
static void deny_all(int fd)
{
    unsigned char query[512];
    struct sockaddr_in from;
    while (atomic_load(&failed) < LOOK_UPS) {
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(fd, query, sizeof query, MSG_DONTWAIT,
                             (struct sockaddr *)&from, &size);
        if (n < 4) {
            sched_yield();
            continue;
        }
        query[2] |= 0x80; /* an answer */
        query[3] = (unsigned char)((query[3] & 0xf0) | 3);
        assert_int_equal(
            sendto(fd, query, (size_t)n, 0, (struct sockaddr *)&from, size), n);
    }
}
static void silent_name_server_holds_up_no_file(void **state)
{
    answer_all();
    atomic_store(&for_real, true);
    atomic_store(&failed, 0);
    atomic_store(&told, 0);
    int fd = open_server();
    put_file(in_folder("file"), "text");
    cadre_system *sys = open_system(1, 0, &teller);
    await(&told, THREADS);
    read_a_file(sys, LOOK_UPS);
    if (is_asked(fd)) { /* else this machine asks no name servers */
        for (int i = 0; i < 100; i++)
            read_a_file(sys, 0);
        assert_int_equal(atomic_load(&failed), 0);
        deny_all(fd);
    }
    close_system(sys);
    close(fd);
}

int main(void)
{
    TESTS(cmocka_unit_test(host_has_its_addresses_each_once),
          cmocka_unit_test(localhost_is_found),
          cmocka_unit_test(number_is_not_looked_up),
          cmocka_unit_test(failure_has_remedy), cmocka_unit_test(bad_host_is_refused),
          cmocka_unit_test(one_outcome), cmocka_unit_test(equal_ones_are_one),
          cmocka_unit_test(ttl_is_kept), cmocka_unit_test(within_bounds),
          cmocka_unit_test(wrong_requests_are_refused),
          cmocka_unit_test(bad_config_fails_the_start),
          cmocka_unit_test(names_hold_up_no_file),
          cmocka_unit_test(silent_name_server_holds_up_no_file));
    make_folder();
    return RUN_TESTS();
}

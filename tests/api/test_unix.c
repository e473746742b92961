/* test_unix.c: UNIX sockets: their paths, who is on the other side. What is common to all
 * streams is in test_tcp.c. */
#include "support/serving.h"

#include <cadre/pin.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/cadre-unix-XXXXXX";
static char path[128];

static int make_folder(void **unused)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    served_path = path;
    return 0;
}
static int remove_folder(void **unused) { return rmdir(folder); }

static bool exists(void)
{
    struct stat file;
    return lstat(path, &file) == 0;
}

static void wrong_unless(bool right) { atomic_fetch_add(&facts.wrongs, !right); }

static void order(cadre_system *sys, uint64_t value)
{
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = value),
                     0);
}

static void check_echo(void)
{
    int fd = served_connect();
    raw_send(fd, "hello", 5);
    raw_expect(fd, "hello", 5);
    close(fd);
}

/* ---- path_goes_with_the_listener ------------------------------------------------- */

static atomic_int refusal;

/* 0: closes the listener; 1: tries to listen there, too. */
static int close_or_listen(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    const cadre_stream listener = {atomic_load(&facts.listener)};
    cadre_stream second;
    if (m->type == &cadre_stream_closed_type)
        wrong_unless(!exists());
    (void)tcp_note(self, state, m);
    if (n && n->value == 1) {
        atomic_store(&refusal, cadre_unix_listen(self, &second, path, NULL));
        atomic_fetch_add(&facts.ended, 1);
    }
    return n && n->value == 0 ? cadre_stream_close(self, listener, 0) : 0;
}

static void path_goes_with_the_listener(void **unused)
{
    plan.root = close_or_listen;
    cadre_system *sys = tcp_serve();
    assert_true(exists());
    check_echo();
    order(sys, 0);
    await(&facts.closed, 2);
    assert_false(exists());
    tcp_served(sys);

    sys = tcp_serve(); /* with its owner */
    assert_true(exists());
    tcp_served(sys);
    assert_false(exists());

    sys = tcp_serve(); /* but not another one's */
    assert_int_equal(unlink(path), 0);
    close(raw_local_listen(path, 5));
    tcp_served(sys);
    assert_true(exists());
    assert_int_equal(unlink(path), 0);
}

/* ---- live_listener_stays --------------------------------------------------------- */

static void live_listener_stays(void **unused)
{
    plan.root = close_or_listen;
    cadre_system *sys = tcp_serve();
    order(sys, 1);
    await(&facts.ended, 1);
    assert_int_equal(refusal, -EADDRINUSE);
    assert_int_equal(facts.opened, 0); /* it has not noticed */
    check_echo();
    assert_int_equal(unlink(path), 0);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    order(sys, 1);
    await(&facts.ended, 2);
    assert_int_equal(refusal, -EADDRINUSE);
    assert_true(exists());
    tcp_served(sys);
    assert_true(exists()); /* it is not what the listener has made */
    assert_int_equal(unlink(path), 0);
    close(raw_local_listen(path, 5)); /* left behind */
    assert_true(exists());
    sys = tcp_serve();
    check_echo();
    tcp_served(sys);
}

/* Without a descriptor more it cannot be told whether somebody listens there. */
static void says_what_it_lacks(void **unused)
{
    enum { FREE = 2 }; /* the lock, the socket */
    struct rlimit before, few;
    plan.root = close_or_listen;
    cadre_system *sys = tcp_serve();
    assert_int_equal(unlink(path), 0);
    close(raw_local_listen(path, 5)); /* left behind */
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)(next + FREE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    order(sys, 1);
    await(&facts.ended, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(refusal, -EMFILE);
    assert_true(exists());
    assert_int_equal(unlink(path), 0);
    tcp_served(sys);
}

/* Each on its own thread. */
enum { RIVALS = 3 };
static atomic_uint arrived, winners, losers;

/* All of them listen there at the same time. */
static int rival_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    cadre_stream listener;
    (void)tcp_note(self, state, m);
    if (!n)
        return 0;
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < RIVALS * n->value)
        sched_yield();
    int err = cadre_unix_listen(self, &listener, path, NULL);
    wrong_unless(err == 0 || err == -EADDRINUSE);
    atomic_fetch_add(err ? &losers : &winners, 1);
    while (atomic_load(&winners) + atomic_load(&losers) < RIVALS * n->value)
        sched_yield();
    return err ? 0 : cadre_stream_close(self, listener, 0);
}

/* In the first round they are spawned. */
static int call_rivals(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_class class = {.name = "rival", .receive = rival_receive};
    static cadre_ref rivals[RIVALS];
    const number *n = cadre_body(m, number);
    (void)tcp_note(self, state, m);
    for (int i = 0; n && i < RIVALS; i++) {
        if (n->value == 1)
            wrong_unless(cadre_spawn_pinned(self, &rivals[i], &class, NULL) == 0);
        wrong_unless(cadre_send(self, rivals[i], number, .value = n->value) == 0);
    }
    return 0;
}

/* What was left behind is taken over by one of them. */
static void one_takes_it_over(void **unused)
{
    enum { ROUNDS = 1000 };
    plan.root = call_rivals;
    plan.pinned = RIVALS;
    cadre_system *sys = tcp_serve();
    assert_int_equal(unlink(path), 0);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        close(raw_local_listen(path, 5));
        order(sys, round);
        await(&facts.closed, round);
        assert_int_equal(winners, round);
        assert_int_equal(losers, round * (RIVALS - 1));
        assert_false(exists());
    }
    tcp_served(sys);
}

/* ---- names ----------------------------------------------------------------------- */

static int listen_at_odd_names(cadre_self *self, void *state, cadre_msg *m)
{
    char name[128];
    cadre_stream listener;
    (void)tcp_note(self, state, m);
    if (m->type != &number_type)
        return 0;
    memset(name, 'x', sizeof name);
    memcpy(name, path, strlen(path));
    name[108] = 0;
    wrong_unless(cadre_unix_listen(self, &listener, name, NULL) == -ENAMETOOLONG);
    wrong_unless(cadre_unix_connect(self, &listener, name, CADRE_NEVER, NULL) ==
                 -ENAMETOOLONG);
    name[107] = 0;
    wrong_unless(cadre_unix_listen(self, &listener, name, NULL) == 0);
    name[0] = '@';
    wrong_unless(cadre_unix_listen(self, &listener, name, NULL) == 0);
    wrong_unless(cadre_unix_listen(self, &listener, name, NULL) == -EADDRINUSE);
    wrong_unless(cadre_unix_listen(self, &listener, "/none/there", NULL) == -ENOENT);
    atomic_fetch_add(&facts.ended, 1);
    return 0;
}

static void odd_names_are_refused(void **unused)
{
    plan.root = listen_at_odd_names;
    cadre_system *sys = tcp_serve();
    order(sys, 0);
    await(&facts.ended, 1);
    tcp_served(sys);
}

/* ---- connect, peer_is_known ------------------------------------------------------ */

static cadre_stream client;
static cadre_time timeout = 30 * CADRE_SECOND;

static bool is_this_process(cadre_self *self, cadre_stream stream)
{
    cadre_unix_id id;
    return cadre_unix_peer(self, stream, &id) == 0 && id.pid == getpid() &&
           id.uid == getuid() && id.gid == getgid();
}

/* Connects, says hello at once. */
static int connect_as_told(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_unix_id id;
    cadre_address at;
    (void)tcp_note(self, state, m);
    if (opened) {
        wrong_unless(is_this_process(self, opened->stream));
        wrong_unless(cadre_tcp_peer(self, opened->stream, &at) == -EINVAL);
    }
    if (!n)
        return 0;
    int err = cadre_unix_connect(self, &client, n->value ? "@none is here" : path,
                                 timeout, NULL);
    wrong_unless(cadre_unix_peer(self, client, &id) == -ENOTCONN);
    return err ? err : cadre_stream_write(self, client, "hello", 5);
}

/* A hand. */
static int know_the_peer(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    if (opened)
        wrong_unless(is_this_process(self, opened->stream));
    return tcp_echo(self, state, m);
}

static void peer_is_known(void **unused)
{
    plan.receive = know_the_peer;
    plan.root = connect_as_told;
    cadre_system *sys = tcp_serve();
    check_echo();
    order(sys, 0);
    await(&facts.opened, 3); /* both sides */
    tcp_served(sys);
}

static void nobody_there_is_closed(void **unused)
{
    plan.root = connect_as_told;
    cadre_system *sys = tcp_serve();
    order(sys, 1);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ECONNREFUSED);
    assert_int_equal(facts.unsent, 5);
    assert_int_equal(unlink(path), 0);
    order(sys, 0);
    await(&facts.closed, 2);
    assert_int_equal(facts.reason, -ENOENT);
    tcp_served(sys);
}

/* One more than the kernel keeps waits until there is room, or for its time. */
static void connect_waits_for_room(void **unused)
{
    plan.root = connect_as_told;
    cadre_system *sys = tcp_serve();
    assert_int_equal(unlink(path), 0);
    int listener = raw_local_listen(path, 0), first = raw_local_connect(path);
    timeout = 50 * CADRE_MS;
    order(sys, 0);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ETIMEDOUT);
    timeout = 30 * CADRE_SECOND;
    order(sys, 0);
    close(raw_accept(listener));
    int fd = raw_accept(listener);
    raw_expect(fd, "hello", 5);
    close(fd);
    await(&facts.closed, 2);
    close(first);
    close(listener);
    assert_int_equal(unlink(path), 0);
    tcp_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(path_goes_with_the_listener),
          cmocka_unit_test(live_listener_stays), cmocka_unit_test(says_what_it_lacks),
          cmocka_unit_test(one_takes_it_over), cmocka_unit_test(odd_names_are_refused),
          cmocka_unit_test(peer_is_known), cmocka_unit_test(nobody_there_is_closed),
          cmocka_unit_test(connect_waits_for_room));
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

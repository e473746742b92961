/* test_actors_shedder.c: too much to do, in virtual time.
 *
 * The server works at a fixed number of requests side by side, each for the same time.
 * So what must come follows from the header: it is said at each check. */
#include "support/fronts.h"

#include <cadre/actors/shedder.h>

#include <errno.h>

/* What messages on their way, and timers that are late, may add. */
#define SLACK CADRE_MS

static cadre_shedder config;

/* ---- a server, and requests with a book ---- */

typedef struct {
    uint32_t index, level;
} job;
static CADRE_TYPE(job);
typedef struct {
    cadre_promise promise;
} done;
static CADRE_TYPE(done);

enum { JOBS_MAX = 8192 };
static struct job_line {
    cadre_token token;
    uint32_t level;
    cadre_time sent, served, over; /* served: came to the server; -1: never */
    int code, cause;
} book[JOBS_MAX];
static uint32_t jobs, outcomes, oldest;
/* Of the server: what one takes, and how long it had nothing to do. */
static struct {
    cadre_time takes, idle_since, longest_idle;
    uint32_t in_hand, most;
} service;

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    done d, *due = cadre_body(m, done);
    const job *j = cadre_body(m, job);
    cadre_time now = cadre_now(self);
    if (due) {
        service.in_hand--;
        service.idle_since = now;
        (void)cadre_answer(self, due->promise, number, 1);
        return 0;
    }
    if (service.in_hand < config.concurrency && service.idle_since &&
        now - service.idle_since > service.longest_idle)
        service.longest_idle = now - service.idle_since;
    if (++service.in_hand > service.most)
        service.most = service.in_hand;
    book[j->index].served = now;
    assert_int_equal(cadre_defer(self, m, &d.promise), 0);
    return cadre_after_as(self, NULL, service.takes, &done_type, &d);
}
static const cadre_class server = {.name = "server", .receive = server_receive};

static void set_up(cadre_self *self)
{
    cadre_time takes = service.takes;
    memset(&service, 0, sizeof service);
    memset(book, 0, sizeof book);
    service.takes = takes;
    jobs = outcomes = oldest = 0;
    assert_int_equal(cadre_spawn(self, &config.target, &server, NULL), 0);
    assert_int_equal(cadre_spawn(self, &front, &cadre_shedder_class, &config), 0);
}

static int on_over(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    uint32_t i = oldest;
    while (book[i].token.id != m->token.id)
        assert_true(++i < jobs);
    book[i].over = cadre_now(self);
    book[i].code = f ? f->code : 0;
    book[i].cause = f ? f->cause : 0;
    book[i].token.id = 0;
    while (oldest < jobs && !book[oldest].token.id)
        oldest++;
    outcomes++;
    return 0;
}

static void ask_job(cadre_self *self, uint32_t level, cadre_time timeout)
{
    struct job_line *line = &book[jobs];
    assert_true(jobs < JOBS_MAX);
    *line = (struct job_line){
        .level = level, .sent = cadre_now(self), .served = -1, .code = 1};
    assert_int_equal(cadre_ask(self, &line->token, front, timeout, job, jobs, level),
                     0);
    assert_int_equal(cadre_then(self, line->token, on_over), 0);
    jobs++;
}

static uint32_t level_of_job(const cadre_type *type, const void *body)
{
    return type == &job_type ? ((const job *)body)->level : 0;
}

/* So many in each service time, evenly; from the start until then. */
static struct flow {
    cadre_time until;
    uint32_t load, unit; /* load / unit times what the server can do */
    uint32_t level;
} flows[2];

static void go_on(cadre_self *self, const struct flow *f, void (*again)(cadre_self *))
{
    if (cadre_now(self) >= f->until)
        return;
    ask_job(self, f->level, CADRE_NEVER);
    later(self, service.takes * f->unit / f->load, again);
}
static void flow_0(cadre_self *self) { go_on(self, &flows[0], flow_0); }
static void flow_1(cadre_self *self) { go_on(self, &flows[1], flow_1); }

static cadre_shedder_status status;
static int keep_status(cadre_self *self, void *state, cadre_msg *m)
{
    status = *cadre_body(m, cadre_shedder_status);
    return 0;
}
static void ask_status(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(cadre_ask(self, &token, front, CADRE_NEVER, cadre_shedder_ask, 0),
                     0);
    assert_int_equal(cadre_then(self, token, keep_status), 0);
}

static uint32_t refused_of(uint32_t level)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < jobs; i++)
        n += book[i].level == level && book[i].code != 0;
    return n;
}

/* Each was answered, or refused for this reason and never seen by the server. */
static void check_book(void)
{
    assert_int_equal(outcomes, jobs);
    assert_true(service.most <= config.concurrency);
    for (uint32_t i = 0; i < jobs; i++)
        if (book[i].code) {
            assert_int_equal(book[i].code, CADRE_EFULL);
            assert_int_equal(book[i].served, -1);
        }
    assert_int_equal(status.passed + status.refused + status.dropped, jobs);
    assert_int_equal(status.waiting + status.pending, 0);
}

/* ---- ten times too much ---- */

static cadre_time flood_end;
static uint32_t late_jobs; /* from here on they come after the flood */
static void flow_after(cadre_self *self)
{
    late_jobs = jobs;
    flows[0] = (struct flow){cadre_now(self) + 50 * service.takes, 1, 2, 0};
    flow_0(self);
    later(self, 60 * service.takes, ask_status);
}

/* What came last in the flood is gone `delay` later, and what the server is at then has
 * ended when that has passed as well. */
static void flood(cadre_self *self)
{
    set_up(self);
    flood_end = cadre_now(self) + 60 * config.interval / 10;
    flows[0] = (struct flow){flood_end, 10, 1, 0};
    flow_0(self);
    later(self, flood_end - cadre_now(self) + config.delay + service.takes + SLACK,
          flow_after);
}

/* By then the oldest that waits has been older than `delay` for an interval: the age
 * grows by nine tenths of the time that passes. */
static cadre_time must_shed_from(void)
{
    return book[0].sent + 2 * config.delay + config.interval + service.takes + SLACK;
}

static void check_waits(void)
{
    uint32_t fresh = 0;
    check_book();
    for (uint32_t i = 0; i < jobs; i++) {
        cadre_time waited = book[i].served - book[i].sent;
        if (book[i].served < 0)
            continue;
        assert_true(waited <= config.delay + config.interval + SLACK);
        if (book[i].served < must_shed_from() || i >= late_jobs)
            continue;
        assert_true(waited <= config.delay + SLACK);
        fresh++;
    }
    assert_true(fresh > 0);
    assert_true(refused_of(0) > jobs / 2); /* it could do a tenth */
}
static void waits_are_bounded(void **state)
{
    service.takes = CADRE_MS;
    config = (cadre_shedder){
        .concurrency = 1, .delay = 5 * CADRE_MS, .interval = 50 * CADRE_MS};
    play_seeds(20, NULL, flood, check_waits);
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){
        .concurrency = 1, .delay = 30 * CADRE_MS, .interval = 200 * CADRE_MS};
    play_seeds(20, NULL, flood, check_waits);
    config.concurrency = 4;      /* and four times as much */
    config.delay = 2 * CADRE_MS; /* less than one takes */
    play_seeds(20, NULL, flood, check_waits);
}

static void check_idle(void)
{
    check_book();
    assert_true(service.longest_idle <= SLACK);
    assert_int_equal(service.most, config.concurrency);
}
static void flood_only(cadre_self *self)
{
    set_up(self);
    flows[0] =
        (struct flow){cadre_now(self) + CADRE_SECOND, 10 * config.concurrency, 1, 0};
    flow_0(self);
    later(self, 2 * CADRE_SECOND, ask_status);
}
static void never_idle(void **state)
{
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){.concurrency = 1, .delay = 40 * CADRE_MS};
    play_seeds(20, NULL, flood_only, check_idle);
    config.concurrency = 3;
    play_seeds(20, NULL, flood_only, check_idle);
}

static void check_recovered(void)
{
    check_book();
    assert_false(status.sheds);
    assert_true(late_jobs > 0 && jobs >= late_jobs + 20);
    for (uint32_t i = late_jobs; i < jobs; i++) {
        assert_int_equal(book[i].code, 0);
        assert_true(book[i].served - book[i].sent <= SLACK);
    }
}
static void recovers(void **state)
{
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){
        .concurrency = 1, .delay = 30 * CADRE_MS, .interval = 100 * CADRE_MS};
    play_seeds(50, NULL, flood, check_recovered);
}

static void flood_again(cadre_self *self)
{
    late_jobs = jobs;
    flows[0] = (struct flow){cadre_now(self) + config.interval, 10, 1, 0};
    flow_0(self);
    later(self, 3 * config.interval, ask_status);
}
static void flood_twice(cadre_self *self)
{
    set_up(self);
    flood_end = 6 * config.interval;
    flows[0] = (struct flow){flood_end, 10, 1, 0};
    flow_0(self);
    later(self, flood_end + config.delay + service.takes, ask_status);
    later(self, flood_end + config.delay + service.takes + SLACK, flood_again);
}
static void check_again(void)
{
    check_book();
    for (uint32_t i = late_jobs; i < jobs; i++)
        if (book[i].served >= 0)
            assert_true(book[i].served - book[i].sent <= config.delay + SLACK);
}
static void soon_after_it_sheds_at_once(void **state)
{
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){
        .concurrency = 1, .delay = 30 * CADRE_MS, .interval = 300 * CADRE_MS};
    play_seeds(20, NULL, flood_twice, check_again);
}

/* Nobody waits in vain behind more than can be done within `delay`. */
static uint32_t looks;
static int check_look(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_shedder_status *s = cadre_body(m, cadre_shedder_status);
    assert_true(s->sheds);
    assert_true(s->waiting <= config.delay / service.takes + config.concurrency);
    looks++;
    return 0;
}
static void look(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(cadre_ask(self, &token, front, CADRE_NEVER, cadre_shedder_ask, 0),
                     0);
    assert_int_equal(cadre_then(self, token, check_look), 0);
}
static void flood_and_look(cadre_self *self)
{
    looks = 0;
    flood(self);
    for (int i = 0; i < 50; i++)
        later(self, must_shed_from() + i * 7 * CADRE_MS, look);
}
static void check_looks(void)
{
    check_book();
    assert_int_equal(looks, 50);
}
static void what_is_going_to_wait_is_refused_at_once(void **state)
{
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){
        .concurrency = 1, .delay = 50 * CADRE_MS, .interval = 150 * CADRE_MS};
    play_seeds(20, NULL, flood_and_look, check_looks);
}

/* ---- bursts ---- */

static uint32_t burst;
static void come_at_once(cadre_self *self)
{
    set_up(self);
    for (uint32_t i = 0; i < burst; i++)
        ask_job(self, 0, CADRE_NEVER);
    later(self, 10 * CADRE_SECOND, ask_status);
}
static void check_served(void)
{
    check_book();
    assert_int_equal(refused_of(0), 0);
}
/* All are as old; so the last one's turn must come within delay + interval. Of more than
 * those, the others are refused then; who is refused is told within two ticks. */
static void check_too_many(void)
{
    cadre_time end = book[0].sent + config.delay + config.interval;
    check_book();
    for (uint32_t i = 0; i < jobs; i++) {
        cadre_time turn = book[0].sent + i * service.takes;
        if (turn < end - (i + 1) * SLACK / 10)
            assert_int_equal(book[i].code, 0);
        if (turn > end)
            assert_int_equal(book[i].code, CADRE_EFULL);
        if (book[i].code)
            assert_true(book[i].over <= end + 2 * config.delay + SLACK);
    }
    assert_true(refused_of(0) > 0);
}
static void bursts_are_served(void **state)
{
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){
        .concurrency = 1, .delay = 50 * CADRE_MS, .interval = 450 * CADRE_MS};
    burst = 45;
    play_seeds(20, NULL, come_at_once, check_served);
    burst = 200;
    play_seeds(20, NULL, come_at_once, check_too_many);
}

static void flow_evenly(cadre_self *self)
{
    set_up(self);
    flows[0] = (struct flow){cadre_now(self) + 3 * CADRE_SECOND, 9, 10, 0};
    flow_0(self);
    later(self, 10 * CADRE_SECOND, ask_status);
}
static void less_than_it_can_do_is_done(void **state)
{
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){.concurrency = 1};
    play_seeds(20, NULL, flow_evenly, check_served);
}

/* ---- who comes first ---- */

/* The important ones come half as often as the server could do them: each finds at most
 * one before it, whatever else comes. */
static void flood_of_two(cadre_self *self)
{
    set_up(self);
    flows[0] = (struct flow){cadre_now(self) + 2 * CADRE_SECOND, 10, 1, 0};
    flows[1] = (struct flow){cadre_now(self) + 2 * CADRE_SECOND, 1, 2, 7};
    flow_0(self);
    flow_1(self);
    later(self, 4 * CADRE_SECOND, ask_status);
}
static void check_important(void)
{
    uint32_t important = 0;
    check_book();
    for (uint32_t i = 0; i < jobs; i++)
        if (book[i].level == 7) {
            assert_int_equal(book[i].code, 0);
            assert_true(book[i].served - book[i].sent <= service.takes + SLACK);
            important++;
        }
    assert_true(important >= 90);
    assert_true(refused_of(0) > 0);
}
static void important_last(void **state)
{
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){
        .concurrency = 1, .delay = 30 * CADRE_MS, .importance = level_of_job};
    play_seeds(20, NULL, flood_of_two, check_important);
    config.waiting = 2; /* there is room for one of each */
    play_seeds(20, NULL, flood_of_two, check_important);
}

/* ---- deadlines ---- */

static uint32_t hasty;
static void ask_hastily(cadre_self *self)
{
    for (uint32_t i = 0; i < 10; i++)
        ask_job(self, 0, 25 * CADRE_MS);
    hasty++;
}
static void haste(cadre_self *self)
{
    set_up(self);
    hasty = 0;
    ask_hastily(self);
    later(self, CADRE_SECOND, ask_hastily);
    later(self, 2 * CADRE_SECOND, ask_status);
}
/* One takes 10 ms, all have 25: the third has 5 left when its turn comes. Once it is
 * known what one takes, the fourth would need 20 + 10 at least, and fails at once. */
static void check_hasty(void)
{
    check_book();
    assert_int_equal(jobs, 20);
    for (uint32_t i = 0; i < jobs; i++) {
        assert_int_equal(book[i].code == 0, i % 10 < 2);
        assert_int_equal(book[i].cause, book[i].code ? -ETIMEDOUT : 0);
        if (i > 13)
            assert_true(book[i].over - book[i].sent <= SLACK);
    }
}
static void too_late_is_refused(void **state)
{
    service.takes = 10 * CADRE_MS;
    config = (cadre_shedder){.concurrency = 1, .delay = CADRE_SECOND};
    play_seeds(50, NULL, haste, check_hasty);
}

/* What waits is passed on when another has its outcome, but not for that one's sake. */
static void two_of_different_haste(cadre_self *self)
{
    set_up(self);
    ask_job(self, 0, 400 * CADRE_MS);
    ask_job(self, 0, CADRE_NEVER);
    ask_job(self, 0, CADRE_NEVER);
    later(self, 10 * CADRE_SECOND, ask_status);
}
static void what_waited_has_its_own_deadline(void **state)
{
    service.takes = 300 * CADRE_MS;
    config = (cadre_shedder){.concurrency = 1, .delay = CADRE_SECOND};
    play_seeds(50, NULL, two_of_different_haste, check_served);
}

int main(void)
{
    TESTS(cmocka_unit_test(waits_are_bounded), cmocka_unit_test(never_idle),
          cmocka_unit_test(recovers), cmocka_unit_test(soon_after_it_sheds_at_once),
          cmocka_unit_test(what_is_going_to_wait_is_refused_at_once),
          cmocka_unit_test(bursts_are_served),
          cmocka_unit_test(less_than_it_can_do_is_done),
          cmocka_unit_test(important_last), cmocka_unit_test(too_late_is_refused),
          cmocka_unit_test(what_waited_has_its_own_deadline));
    return RUN_TESTS();
}

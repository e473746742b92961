/* ask.c: every race of answer, deadline, cancel and death has exactly one outcome.
 *
 * Clients ask servers, which answer at once or later, refuse, forget, set aside, pass on,
 * delegate, have another answer, or fail; deadlines pass about when the answers come;
 * clients cancel, and end. Each request has a line in the book, and each outcome is
 * entered: one, none after a successful cancel, none for the dead. Over the seeds every
 * kind of end must occur. */
#include "support/story.h"

#include <cadre/ask.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CLIENTS_MAX = 4, SERVERS = 3, ASKS_MAX = 16, BOOK = CLIENTS_MAX * ASKS_MAX };
enum { SOON = 40000 }; /* nanoseconds: about as long as all the rest takes */
enum { ENOUGH = 600 }; /* plays, for every kind of end to occur */

typedef struct {
    uint32_t entry;
    bool *alive; /* the book's: is this body not dropped yet? */
} question;
typedef struct {
    uint32_t entry;
    bool *alive;
} reply;
typedef struct {
    cadre_promise promise;
    uint32_t entry;
} errand;
typedef struct {
    uint32_t entry; /* of the request to be cancelled, or NO_ENTRY */
} pulse;
CADRE_TYPE(errand);
CADRE_TYPE(pulse);
#define NO_ENTRY UINT32_MAX
#define END_SERVERS (UINT32_MAX - 1)
#define END_ALL (UINT32_MAX - 2)

/* How a request ended, as whoever asked saw it. */
enum end {
    OPEN,
    ANSWERED,
    REFUSED,
    TIMED_OUT,
    DEAD,       /* not read, or set aside, or deferred, when the server ended */
    DEAD_OF_IT, /* the server failed on it, or with it in its keeping */
    UNANSWERED,
    CANCELLED,      /* before there was an answer ... */
    CANCELLED_LATE, /* ... or after that, but before it came */
    ASKER_ENDED,
    ENDS
};
static const char *const end_names[ENDS] = {
    "open",       "answered",  "refused",
    "timed out",  "dead",      "dead of it",
    "unanswered", "cancelled", "cancelled when answered",
    "asker ended"};
/* What else must occur. */
enum rare {
    CANCEL_REFUSED = ENDS, /* the outcome had come */
    ANSWER_TOO_LATE,       /* to one who has had another outcome */
    PROMISE_CLOSED,        /* and whoever kept it knows */
    BY_ANOTHER,            /* the answer to a promise */
    READ_ELSEWHERE,        /* passed on or delegated */
    KINDS
};
static const char *const rare_names[] = {"cancel refused", "answer too late",
                                         "promise closed", "answered by another",
                                         "read elsewhere"};
static uint64_t seen[KINDS], plays;

static struct entry {
    enum end end;
    uint64_t token;
    uint32_t client, server;
    bool answered; /* by a server, whether the client knows it or not */
    bool question_alive, reply_alive, reply_made;
} book[BOOK];

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint32_t clients, asks, used;
    struct dice dice;
    cadre_ref servers[SERVERS];
    bool client_ended[CLIENTS_MAX], over;
} tale;

static void drop_question(void *body)
{
    bool *alive = ((question *)body)->alive;
    CHECK(*alive);
    *alive = false;
}
static void drop_reply(void *body) { drop_question(body); } /* the same members */
CADRE_TYPE_DROP(question, drop_question);
CADRE_TYPE_DROP(reply, drop_reply);

static cadre_time soon(void) { return 1 + (cadre_time)dice_below(&tale.dice, SOON); }

static cadre_ref any_server(void)
{
    return tale.servers[dice_below(&tale.dice, SERVERS)];
}

static reply new_reply(uint32_t entry)
{
    struct entry *e = &book[entry];
    CHECK(!e->reply_made);
    e->reply_made = e->reply_alive = true;
    return (reply){entry, &e->reply_alive};
}

static void note_answer(uint32_t entry)
{
    struct entry *e = &book[entry];
    seen[ANSWER_TOO_LATE] += e->end != OPEN;
    e->answered = true;
}

/* ---- servers ---- */

enum { PROMISES = BOOK };
typedef struct {
    uint32_t number, promises;
    errand kept[PROMISES];
} server;

static void keep_promise(cadre_self *self, const errand *kept)
{
    bool mine = cadre_same(kept->promise.holder, cadre_me(self));
    bool awaited = cadre_is_awaited(self, kept->promise);
    reply r = new_reply(kept->entry);
    int err = cadre_answer_as(self, kept->promise, &reply_type, &r);
    CHECK(err == 0 || (mine && !awaited && err == -EALREADY));
    CHECK(!awaited || err == 0);
    seen[PROMISE_CLOSED] += err != 0;
    seen[BY_ANOTHER] += !mine;
    if (err == 0)
        note_answer(kept->entry);
}

static int defer(cadre_self *self, server *s, cadre_msg *m, uint32_t entry)
{
    errand *kept = &s->kept[s->promises];
    CHECK_EQ(cadre_defer(self, m, &kept->promise), 0);
    kept->entry = entry;
    CHECK(cadre_is_awaited(self, kept->promise) ||
          cadre_deadline(self) <= cadre_now(self));
    switch (dice_below(&tale.dice, 6)) {
    case 0:
        return cadre_send_as(self, any_server(), &errand_type, kept);
    case 1:
        keep_promise(self, kept);
        return 0;
    case 2:
        return CADRE_EUSER;
    default:
        s->promises++;
        return cadre_after(self, NULL, soon(), pulse, NO_ENTRY);
    }
}

/* Takes the body over to another request. */
static int delegate(cadre_self *self, cadre_msg *m, uint32_t entry)
{
    cadre_promise p;
    static bool nobody;
    question *q = cadre_body(m, question), copy = *q;
    nobody = true;
    q->alive = &nobody; /* what is left in the body */
    CHECK_EQ(cadre_defer(self, m, &p), 0);
    CHECK_EQ(cadre_delegate_as(self, p, any_server(), &question_type, &copy), 0);
    CHECK(!cadre_is_awaited(self, p));
    return 0;
}

static int reply_at_once(cadre_self *self, cadre_msg *m, uint32_t entry)
{
    reply r = new_reply(entry);
    CHECK_EQ(cadre_reply_as(self, m, &reply_type, &r), 0);
    note_answer(entry);
    return 0;
}

static int refuse(cadre_self *self, cadre_msg *m, uint32_t entry)
{
    CHECK_EQ(cadre_reply(self, m, cadre_failure, .code = CADRE_EUSER - 1), 0);
    note_answer(entry);
    return 0;
}

static int serve(cadre_self *self, server *s, cadre_msg *m)
{
    uint32_t entry = cadre_body(m, question)->entry;
    seen[READ_ELSEWHERE] += book[entry].server != s->number;
    CHECK_EQ(m->token.id, book[entry].token);
    CHECK(!book[entry].answered);
    switch (dice_below(&tale.dice, 24)) {
    case 0:
        return 0;
    case 1:
        return cadre_unhandled(self, m);
    case 2:
        return dice_once_in(&tale.dice, 4) ? CADRE_EUSER : 0;
    case 3:
        return dice_once_in(&tale.dice, 4) ? CADRE_STOP : 0;
    case 4:
        return refuse(self, m, entry);
    case 5:
    case 6:
        return cadre_stash(self, m);
    case 7:
    case 8:
        return cadre_forward(self, any_server(), m);
    case 9:
    case 10:
        return delegate(self, m, entry);
    default:
        return dice_once_in(&tale.dice, 3) ? reply_at_once(self, m, entry)
                                           : defer(self, s, m, entry);
    }
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    server *s = state;
    if (cadre_body(m, question))
        return serve(self, s, m);
    if (cadre_body(m, errand)) {
        keep_promise(self, cadre_body(m, errand));
        return 0;
    }
    CHECK(cadre_body(m, pulse) && s->promises > 0);
    cadre_unstash(self);
    keep_promise(self, &s->kept[--s->promises]);
    return 0;
}

static const cadre_class server_class = {
    .name = "server", .state_size = sizeof(server), .receive = server_receive};

/* ---- clients ---- */

typedef struct {
    uint32_t number;
} client;

static int ask(cadre_self *self, uint32_t number)
{
    uint32_t entry = tale.used++, to = dice_below(&tale.dice, SERVERS);
    struct entry *e = &book[entry];
    *e = (struct entry){.client = number, .server = to, .question_alive = true};
    question q = {entry, &e->question_alive};
    cadre_token token = {0};
    cadre_time timeout = dice_once_in(&tale.dice, 3) ? CADRE_NEVER : soon();
    CHECK_EQ(cadre_ask_as(self, &token, tale.servers[to], timeout, &question_type, &q),
             0);
    CHECK(token.id != 0);
    e->token = token.id;
    return dice_once_in(&tale.dice, 3) ? cadre_after(self, NULL, soon(), pulse, entry)
                                       : 0;
}

static int client_start(cadre_self *self, void *state)
{
    return cadre_after(self, NULL, soon(), pulse, NO_ENTRY);
}

static enum end end_of(const cadre_msg *m, const struct entry *e)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (!f)
        return ANSWERED;
    CHECK(f->code == CADRE_EUSER - 1 || f->origin.id != 0);
    switch (f->code) {
    case -ETIMEDOUT:
        return TIMED_OUT;
    case CADRE_EUSER - 1:
        return REFUSED;
    case CADRE_EUNANSWERED:
        return UNANSWERED;
    default:
        CHECK_EQ(f->code, CADRE_EDEAD);
        return f->cause ? DEAD_OF_IT : DEAD;
    }
}

static void enter(const client *c, const cadre_msg *m)
{
    uint32_t entry = 0;
    while (entry < tale.used && book[entry].token != m->token.id)
        entry++;
    CHECK(entry < tale.used);
    if (entry == tale.used)
        return;
    struct entry *e = &book[entry];
    CHECK(e->end == OPEN && e->client == c->number);
    e->end = end_of(m, e);
    CHECK((e->end != ANSWERED && e->end != REFUSED) || e->answered);
    CHECK(e->end != ANSWERED || cadre_body(m, reply)->entry == entry);
}

static void cancel(cadre_self *self, uint32_t entry)
{
    struct entry *e = &book[entry];
    int err = cadre_cancel(self, (cadre_token){e->token});
    CHECK_EQ(err, e->end == OPEN ? 0 : -ENOENT);
    seen[CANCEL_REFUSED] += err != 0;
    if (err == 0)
        e->end = e->answered ? CANCELLED_LATE : CANCELLED;
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    const pulse *p = cadre_body(m, pulse);
    int err = 0;
    CHECK(!tale.client_ended[c->number]);
    if (!p) {
        enter(c, m);
        return 0;
    }
    if (p->entry != NO_ENTRY) {
        cancel(self, p->entry);
        return 0;
    }
    for (uint32_t n = dice_below(&tale.dice, 6); !err && n > 0; n--)
        if (tale.used < tale.clients * tale.asks)
            err = ask(self, c->number);
    if (!err && tale.used < tale.clients * tale.asks)
        err = cadre_after(self, NULL, soon(), pulse, NO_ENTRY);
    return err ? err : dice_once_in(&tale.dice, 40) ? CADRE_STOP : 0;
}

static void client_stop(cadre_self *self, void *state, int reason)
{
    uint32_t number = ((client *)state)->number;
    tale.client_ended[number] = true;
    for (uint32_t i = 0; i < tale.used; i++)
        if (book[i].client == number && book[i].end == OPEN) {
            CHECK(!tale.over); /* by then all had an outcome */
            book[i].end = ASKER_ENDED;
        }
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive,
                                         .stop = client_stop};

/* ---- the story ---- */

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < SERVERS; i++)
        err =
            cadre_spawn(self, &tale.servers[i], &server_class, &(server){.number = i});
    for (uint32_t i = 0; !err && i < tale.clients; i++)
        err = cadre_spawn(self, NULL, &client_class, &(client){i});
    if (!err && dice_once_in(&tale.dice, 3))
        err = cadre_after(self, NULL, 3 * soon(), pulse, NO_ENTRY);
    if (!err)
        err = cadre_after(self, NULL, 100 * SOON, pulse, END_SERVERS);
    return err ? err : cadre_after(self, NULL, 200 * SOON, pulse, END_ALL);
}

/* Sometimes it ends a server; and all of them in the end, so that what one has kept or
 * set aside has its outcome, too. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int err = 0;
    switch (cadre_body(m, pulse)->entry) {
    case END_SERVERS:
        for (uint32_t i = 0; !err && i < SERVERS; i++)
            err = cadre_kill(self, tale.servers[i], 0);
        return err;
    case END_ALL:
        tale.over = true;
        return CADRE_STOP;
    default:
        return dice_once_in(&tale.dice, 2) ? cadre_kill(self, any_server(), -99)
                                           : cadre_stop(self, any_server());
    }
}

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

static void check_book(void)
{
    for (uint32_t i = 0; i < tale.used; i++) {
        CHECK(book[i].end != OPEN);
        CHECK(!book[i].question_alive && !book[i].reply_alive);
        seen[book[i].end]++;
    }
}

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.clients = 1 + dice_below(&tale.dice, CLIENTS_MAX);
    tale.asks = 1 + dice_below(&tale.dice, ASKS_MAX);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    check_book();
    plays++;
    return sums.trace;
}

/* Has everything occurred that can? */
static void print_kinds(void)
{
    for (int i = ANSWERED; i < KINDS; i++) {
        const char *name = i < ENDS ? end_names[i] : rare_names[i - ENDS];
        printf("%-24s %llu\n", name, (unsigned long long)seen[i]);
        if (plays >= ENOUGH)
            CHECK(seen[i] > 0);
    }
}

static uint64_t play_and_count(uint64_t seed)
{
    uint64_t trace = play(seed);
    if (plays == ENOUGH)
        print_kinds();
    return trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"ask", play_and_count, 100000}, {0}};
    return story_main(argc, argv, stories);
}

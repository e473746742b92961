/* test_slot.c: slot reuse: a cell ends, is free, and is somebody else, while mail and
 * halts for its former life are still on their way.
 *
 * The real cell.c and mailbox, under a small turn of the model's own: whoever makes the
 * cell runnable runs it. Thread 2 is the parent: it waits for the notice, frees the
 * cell, and claims it for its second life. So the second life's birth may fall anywhere
 * into the end of the first one's last turn, and into what the others send and ask. */
#include "actor/cell.h"

#include "base/cc.h"

enum { TAG = 1, SLOT = 3, FIRST = 7, LIVES = 2, MAILS = 4 };

struct mail {
    struct letter letter;
    int life; /* meant for */
    int fates;
};

static struct cell cell;
static struct mpsc parent; /* its mailbox */
static ATOMIC(bool) parent_ready;
static struct letter *starts[LIVES + 1];
static struct mail *mails[MAILS];
static int inside; /* what a turn may touch and nobody else */
/* What has happened so far; the threads' order is that of the execution. */
static int sent, life, told, began[LIVES + 1], ended[LIVES + 1];
/* What may happen in this scenario. */
static struct {
    bool brief;                /* the first life ends by itself */
    unsigned halts[LIVES + 1]; /* what each life may be asked for */
} plan;

static uint32_t generation_of(int n) { return (uint32_t)(FIRST + n - 1); }

/* ---- the turn ---- */

/* A note that goes to the parent must not be in the cell's own mailbox, in hand or
 * behind. */
static bool is_waiting(const struct letter *note)
{
    const struct mpsc_node *n = mpsc_first(&cell.mailbox);
    while (n && n != &note->node)
        n = load_acquire(&n->next);
    return n != NULL;
}

static void retire(void)
{
    if (!cell_retire(&cell, GENERATION_MAX)) {
        plain_write(&cell.phase, PHASE_LINGERS);
        return;
    }
    mc_note("life %d has ended", life);
    ended[life]++;
    struct letter *notice = cell_notice(&cell);
    mc_assert(!is_waiting(notice));
    if (mpsc_push(&parent, &notice->node))
        store_release(&parent_ready, true);
}

static void end(void)
{
    if (plain_read(&cell.phase) != PHASE_RUNNING)
        return;
    plain_write(&cell.accepts, 0);
    retire();
}

static void note_came(struct letter *letter)
{
    bool stop = letter->to == NOTE_STOP;
    unsigned halt = stop ? HALT_STOP : HALT_KILL;
    uint64_t word = load_relaxed(&cell.life);
    mc_note("%s for life %d", stop ? "stop" : "kill", life);
    mc_assert(plain_read(&cell.phase) != PHASE_FREE);
    mc_assert(!(stop ? cell.stop_came : cell.kill_came));
    mc_assert(plan.halts[life] & halt); /* somebody meant this life */
    mc_assert(life_halts(word) & halt && life_generation(word) == generation_of(life));
    cell_note_came(&cell, (enum note)letter->to);
    if (plain_read(&cell.phase) == PHASE_LINGERS)
        retire();
    else
        end();
}

static void handle(struct mail *mail)
{
    bool alive = mail->letter.to == plain_read(&cell.accepts);
    mc_note("mail for life %d is %s", mail->life, alive ? "handled" : "dead");
    mc_assert(!alive || mail->life == life);
    mail->fates++;
    if (alive)
        end();
}

static void take(struct letter *letter)
{
    uint64_t to = plain_read(&letter->to);
    plain_write(&inside, mc_self()); /* races with a second turn */
    if (life_halts(load_relaxed(&cell.life)) & HALT_KILL)
        end();
    if (to == NOTE_START) {
        mc_assert(letter == starts[life]);
        began[life]++;
        if (life == 1 && plan.brief)
            end();
    } else if (to == NOTE_STOP || to == NOTE_KILL) {
        note_came(letter);
    } else {
        mc_assert(to >= NOTE_KINDS); /* no notice of its own */
        handle(container_of(letter, struct mail, letter));
    }
}

/* Until the mailbox is idle; then the cell may be somebody else's. */
static void turn(void)
{
    for (;;) {
        struct letter *letter = letter_of(mpsc_first(&cell.mailbox));
        take(letter);
        uint64_t to = plain_read(&letter->to);
        enum mpsc_state state;
        while ((state = mpsc_advance(&cell.mailbox)) == MPSC_LATE)
            mc_spin();
        if (to == NOTE_START)
            mc_free(letter, sizeof *letter);
        else if (to >= NOTE_KINDS)
            mc_free(letter, sizeof(struct mail));
        if (state == MPSC_IDLE)
            return;
    }
}

/* ---- from outside ---- */

static void send(int to)
{
    struct mail *mail = mails[sent++];
    mail->life = to;
    plain_write(&mail->letter.to, address(TAG, SLOT, generation_of(to)));
    if (mpsc_push(&cell.mailbox, &mail->letter.node))
        turn();
}

static void halt(int which, enum halt how)
{
    if (cell_halt(&cell, generation_of(which), how, -1))
        turn();
}

/* ---- the parent ---- */

static void await_notice(void)
{
    while (!load_acquire(&parent_ready))
        mc_spin();
    store_relaxed(&parent_ready, false);
    struct letter *notice = letter_of(mpsc_first(&parent));
    mc_assert(cell_of_notice(notice) == &cell);
    told++;
    mc_assert(told == life && ended[life] == 1);
    mc_assert(mpsc_advance(&parent) == MPSC_IDLE); /* nobody else sends to it */
}

static void settle(void)
{
    life++;
    mc_note("life %d", life);
    mc_assert(cell.generation == generation_of(life));
    plain_write(&cell.accepts, address(TAG, SLOT, cell.generation));
}

/* Frees the first life; begins the second, which ends when it has its mail. */
static void be_parent(void)
{
    await_notice();
    while (!cell_claim(&cell, starts[2]))
        mc_spin(); /* spawn.c tries another cell */
    settle();
    send(2);
    turn();
    await_notice();
}

/* ---- set-up, and afterwards ---- */

static void setup(bool brief, unsigned first, unsigned second)
{
    plan.brief = brief;
    plan.halts[1] = first;
    plan.halts[2] = second;
    sent = life = told = 0;
    mpsc_init(&parent);
    atomic_set(&parent_ready, false);
    plain_write(&inside, 0);
    for (int i = 0; i < MAILS; i++)
        mails[i] = mc_alloc(sizeof *mails[i]);
    for (int i = 1; i <= LIVES; i++) {
        starts[i] = mc_alloc(sizeof *starts[i]);
        began[i] = ended[i] = 0;
    }
    cell_init(&cell, SLOT, generation_of(1));
    mc_assert(cell_claim(&cell, starts[1]));
    settle();
    mc_name(&parent.tail, sizeof parent.tail, "parent's tail");
    mc_name(&parent_ready, sizeof parent_ready, "parent is ready");
    mc_name(&cell.mailbox.tail, sizeof cell.mailbox.tail, "tail");
    mc_name(&cell.mailbox.first, sizeof cell.mailbox.first, "first");
    mc_name(&cell.life, sizeof cell.life, "life");
    mc_name(&cell.stop_note, sizeof cell.stop_note, "stop note");
    mc_name(&cell.kill_note, sizeof cell.kill_note, "kill note");
    mc_name(&cell, sizeof cell, "cell");
}

static void all_is_over(void)
{
    mc_assert(mpsc_is_idle(&cell.mailbox) && mpsc_is_idle(&parent));
    mc_assert(told == LIVES && !load_relaxed(&parent_ready));
    for (int i = 1; i <= LIVES; i++)
        mc_assert(began[i] == 1 && ended[i] == 1);
    for (int i = 0; i < MAILS; i++)
        mc_assert(mails[i]->fates == (i < sent));
    mc_assert(plain_read(&cell.phase) == PHASE_FREE);
    mc_assert(load_relaxed(&cell.life) ==
              life_word(generation_of(LIVES + 1), LIFE_VACANT, 0));
}

/* ---- scenarios ---- */

static void ends_by_itself(void) { setup(true, HALT_STOP | HALT_KILL, 0); }
static void ends_when_asked(void) { setup(false, HALT_STOP | HALT_KILL, 0); }
static void both_are_stopped(void) { setup(false, HALT_STOP, HALT_STOP); }
static void next_is_asked(void) { setup(true, 0, HALT_STOP | HALT_KILL); }

static void letter_and_stop(int self)
{
    if (self == 1) {
        turn();
    } else if (self == 2) {
        be_parent();
    } else {
        send(1);
        halt(1, HALT_STOP);
    }
}

static void stop_and_kill(int self)
{
    if (self == 1) {
        turn();
        halt(1, HALT_STOP);
    } else if (self == 2) {
        be_parent();
    } else {
        halt(1, HALT_KILL);
    }
}

static void stop_then_kill(int self)
{
    if (self == 1) {
        turn();
    } else if (self == 2) {
        be_parent();
    } else {
        halt(1, HALT_STOP);
        halt(1, HALT_KILL);
    }
}

/* Two stops of the first life, and one of the second. */
static void three_stops(int self)
{
    if (self == 1) {
        turn();
        halt(1, HALT_STOP);
    } else if (self == 2) {
        be_parent();
    } else {
        halt(1, HALT_STOP);
        halt(2, HALT_STOP);
    }
}

/* A guessed address: nothing can be asked before the birth. */
static void halt_the_next(int self)
{
    if (self == 1) {
        turn();
    } else if (self == 2) {
        be_parent();
    } else {
        halt(2, mc_choose(2) ? HALT_STOP : HALT_KILL);
        halt(2, HALT_KILL);
    }
}

#define COMMON                                                                         \
    .threads = 3, .final = all_is_over, .bounds = {.preemptions = 3, .stale = 2},      \
    .deep = {.preemptions = 6, .stale = 3}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {.name = "slot: a stale letter and a stale stop",
         .setup = ends_by_itself,
         .thread = letter_and_stop,
         COMMON},
        {.name = "slot: a stop and a kill race",
         .setup = ends_when_asked,
         .thread = stop_and_kill,
         COMMON},
        {.name = "slot: a stop, then a kill",
         .setup = ends_when_asked,
         .thread = stop_then_kill,
         COMMON},
        {.name = "slot: a stop and a kill of who ends by itself",
         .setup = ends_by_itself,
         .thread = stop_then_kill,
         COMMON},
        {.name = "slot: stops of both lives",
         .setup = both_are_stopped,
         .thread = three_stops,
         COMMON},
        {.name = "slot: halts of who is not born yet",
         .setup = next_is_asked,
         .thread = halt_the_next,
         COMMON},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}

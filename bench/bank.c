/* bank.c: how many transfers per second pass between accounts that must finish one
 * before they look at the next?
 *
 * A teller draws all transfers and sends each to the account that pays. That one takes
 * the amount off its balance, tells the other account, and sets aside whatever else
 * comes until the other has answered; then it tells the teller. Savina's bank in the
 * form with become and stash: an account takes back all it has set aside at once, and
 * sets most of it aside again, so a backlog of k messages costs k * k / 2 moves. Money
 * goes to accounts with higher numbers only, hence no two wait for each other.
 *
 * Balances are whole numbers here (in the original they are so large that no transfer
 * changes them), and each is compared with what plain additions make it. */
#include "harness/l16.h"
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED = 123456, OPENING = 1000000 };

typedef struct {
    cadre_ref to;
    int64_t amount;
} transfer;
typedef struct {
    int64_t amount;
} deposit;
typedef struct {
    uint64_t none;
} deposited;
typedef struct {
    uint64_t none;
} transferred;
typedef struct {
    uint64_t none;
} ready;
static CADRE_TYPE(transfer);
static CADRE_TYPE(deposit);
static CADRE_TYPE(deposited);
static CADRE_TYPE(transferred);
static CADRE_TYPE(ready);

struct account {
    int64_t balance;
    int64_t *closing; /* where the balance goes in the end */
};

static int account_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_parent(self), ready, 0);
}

/* The account has sent a deposit, and waits for the answer. */
static int account_wait(cadre_self *self, void *state, cadre_msg *m)
{
    if (!cadre_body(m, deposited))
        return cadre_stash(self, m);
    cadre_become(self, NULL);
    cadre_unstash(self);
    return cadre_send(self, cadre_parent(self), transferred, 0);
}

static int account_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct account *me = state;
    const transfer *t = cadre_body(m, transfer);
    if (t) {
        me->balance -= t->amount;
        cadre_become(self, account_wait);
        return cadre_send(self, t->to, deposit, .amount = t->amount);
    }
    const deposit *d = cadre_body(m, deposit);
    if (!d)
        return cadre_unhandled(self, m);
    me->balance += d->amount;
    return cadre_reply(self, m, deposited, 0);
}

static void account_stop(cadre_self *self, void *state, int reason)
{
    const struct account *me = state;
    *me->closing = me->balance;
}
static const cadre_class account = {.name = "account",
                                    .state_size = sizeof(struct account),
                                    .start = account_start,
                                    .receive = account_receive,
                                    .stop = account_stop};

/* What the main program lends the teller. */
struct job {
    uint32_t accounts;
    uint64_t transfers;
    cadre_ref *refs;
    int64_t *closing;  /* the balances in the end */
    int64_t *expected; /* what they are to be */
    int64_t start, end;
};

/* One transfer. The order of the draws is a part of the definition. */
struct draw {
    uint32_t from, to, amount;
};

static struct draw draw_transfer(uint32_t *random, uint32_t accounts)
{
    struct draw draw = {.from = l16_below(random, accounts / 10 * 8)};
    uint32_t further = l16_below(random, accounts - draw.from);
    draw.to = draw.from + (further ? further : 1);
    draw.amount = l16_next(random);
    return draw;
}

struct teller {
    struct job *job;
    uint64_t ready, transferred;
};

static int teller_start(cadre_self *self, void *state)
{
    const struct job *job = ((struct teller *)state)->job;
    int err = 0;
    for (uint32_t i = 0; i < job->accounts && err == 0; i++) {
        struct account init = {OPENING, &job->closing[i]};
        err = cadre_spawn(self, &job->refs[i], &account, &init);
    }
    return err;
}

static int send_transfers(cadre_self *self, struct job *job)
{
    uint32_t random = SEED;
    int err = 0;
    job->start = bench_now();
    for (uint64_t i = 0; i < job->transfers && err == 0; i++) {
        struct draw draw = draw_transfer(&random, job->accounts);
        err = cadre_send(self, job->refs[draw.from], transfer, .to = job->refs[draw.to],
                         .amount = draw.amount);
    }
    return err;
}

static int teller_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct teller *me = state;
    if (cadre_body(m, transferred)) {
        if (++me->transferred < me->job->transfers)
            return 0;
        me->job->end = bench_now();
        return CADRE_STOP;
    }
    if (!cadre_body(m, ready))
        return cadre_unhandled(self, m);
    return ++me->ready < me->job->accounts ? 0 : send_transfers(self, me->job);
}
static const cadre_class teller = {.name = "teller",
                                   .state_size = sizeof(struct teller),
                                   .start = teller_start,
                                   .receive = teller_receive};

/* The sum of the gains, each times its account's number, for sizes in common use. */
static const struct {
    uint64_t accounts, transfers;
    int64_t sum;
} known[] = {{1000, 12000, INT64_C(118034312551)},
             {1000, 50000, INT64_C(488841539874)},
             {16000, 800000, INT64_C(123809304281808)}};

static int check_balances(const struct job *job)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < job->accounts; i++) {
        sum += i * (job->closing[i] - OPENING);
        if (job->closing[i] != job->expected[i]) {
            fprintf(stderr,
                    "bank: wrong balance of account %" PRIu32 ": %" PRId64
                    ", not %" PRId64 "\n",
                    i, job->closing[i], job->expected[i]);
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (job->accounts == known[i].accounts &&
            job->transfers == known[i].transfers && sum != known[i].sum) {
            fprintf(stderr, "bank: wrong sum: %" PRId64 "\n", sum);
            return -1;
        }
    return 0;
}

static void expect_balances(const struct job *job)
{
    uint32_t random = SEED;
    for (uint32_t i = 0; i < job->accounts; i++)
        job->expected[i] = OPENING;
    for (uint64_t i = 0; i < job->transfers; i++) {
        struct draw draw = draw_transfer(&random, job->accounts);
        job->expected[draw.from] -= draw.amount;
        job->expected[draw.to] += draw.amount;
    }
}

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    uint32_t accounts = (uint32_t)setting->size;
    struct job job = {.accounts = accounts, .transfers = n};
    job.refs = calloc(accounts, sizeof *job.refs);
    job.closing = calloc(accounts, 2 * sizeof *job.closing);
    int err = -1;
    if (job.refs && job.closing) {
        job.expected = job.closing + accounts;
        expect_balances(&job);
        /* Each transfer: two ways to the other account, two to the teller. Each
         * account: ready. What is set aside counts once. */
        err = trial_run("bank", setting->workers, &teller,
                        &(struct teller){.job = &job}, 4 * n + accounts);
        err = err == 0 ? check_balances(&job) : err;
    } else {
        fprintf(stderr, "bank: out of memory\n");
    }
    free(job.closing);
    free(job.refs);
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t accounts = 16000, transfers = 800000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "bank",
        .question = "How many transfers per second do accounts make that do one at a "
                    "time?",
        .method = "time from just before the first transfer is sent to the last's "
                  "report",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"accounts", "A", "accounts", &accounts, .min = 10, .max = 1000000},
        {"transfers", "N", "transfers per run", &transfers, .min = 1, .max = 100000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    struct bench_row row = {
        .name = "bank", .operation = "transfer", .n = transfers, .run = run};
    snprintf(row.params, sizeof row.params, "accounts=%" PRIu64, accounts);
    plan_sweep(&plan, &row, accounts);
    return plan_run(&plan, &bench);
}

/* ticker.c: a cron expression, and whoever wants its ticks; in virtual time. */
#include <cadre/actors/ticker.h>
#include <cadre/system.h>
#include <stdio.h>

static int start(cadre_self *self, void *token)
{
    cadre_ref ticker;
    const char *field;
    if (cadre_ticker_check("0 25 * *", &field))
        printf("wrong: %s\n", field);
    int err = cadre_spawn(self, &ticker, &cadre_ticker_class,
                          &(cadre_ticker){.cron = "30 9 * * 1-5"}); /* UTC */
    return err ? err
               : cadre_ask(self, token, ticker, CADRE_NEVER, cadre_ticker_subscribe, 0);
}

static int receive(cadre_self *self, void *token, cadre_msg *m)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    const cadre_tick *tick = cadre_body(m, cadre_tick);
    if (!tick)
        return cadre_unhandled(self, m);
    int64_t minutes = tick->time / (60 * CADRE_SECOND);
    printf("tick %d: day %d (%s), %02d:%02d\n", (int)tick->number,
           (int)(minutes / 1440), days[minutes / 1440 % 7], (int)(minutes / 60 % 24),
           (int)(minutes % 60));
    if (tick->number < 4)
        return 0;
    int err = cadre_cancel(self, *(cadre_token *)token); /* no more, exactly */
    return err ? err : CADRE_STOP;
}
static const cadre_class root = {
    .state_size = sizeof(cadre_token), .start = start, .receive = receive};

int main(void)
{
    return cadre_run(&(cadre_config){.seed = 1}, &root, NULL) != 0; /* 1970 on */
}

/* future.c: a thread that is no actor asks several, and waits in all ways there are. */
#include <cadre.h>
#include <cadre/future.h>
#include <cadre/timer.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>

typedef struct {
    int value;
} number;
static CADRE_TYPE(number);
typedef struct {
    cadre_promise to;
    int value;
} late;
static CADRE_TYPE(late);

/* Answers after so many milliseconds. */
static int serve(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise to;
    const late *l = cadre_body(m, late);
    if (l)
        return cadre_answer(self, l->to, number, 2 * l->value);
    int value = cadre_body(m, number)->value, err = cadre_defer(self, m, &to);
    return err ? err : cadre_after(self, NULL, value * CADRE_MS, late, to, value);
}
static const cadre_class server = {.receive = serve};

static int value_of(const cadre_msg *m)
{
    return cadre_body(m, number) ? cadre_body(m, number)->value : -1;
}

int main(void)
{
    cadre_system *sys;
    cadre_future *f[3];
    cadre_msg m;
    if (cadre_system_new(&sys, NULL, &server, NULL))
        return 1;
    static const int ms[] = {20, 40, 60000};
    for (int i = 0; i < 3; i++)
        if (cadre_call(sys, &f[i], cadre_system_root(sys), number, ms[i]))
            return 1;
    if (cadre_future_wait(f[2], 0, &m) == -ETIMEDOUT) /* only looks */
        printf("not yet\n");
    if (cadre_future_wait(f[0], CADRE_SECOND, &m) == 0) /* blocks */
        printf("one: %d\n", value_of(&m));
    struct pollfd fd = {.fd = cadre_future_fd(f[1]), .events = POLLIN};
    if (poll(&fd, 1, 1000) == 1 && cadre_future_wait(f[1], 0, &m) == 0)
        printf("two: %d\n", value_of(&m));
    for (int i = 0; i < 3; i++)
        cadre_future_free(f[i]); /* answered or not */
    return cadre_system_stop_by(sys, CADRE_SECOND) || cadre_system_free(sys);
}

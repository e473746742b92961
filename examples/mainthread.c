/* mainthread.c: actors on the thread of main(), as a window system may want it, beside a
 * system with workers. The two have each other's addresses, and tell each other. */
#include <cadre.h>
#include <cadre/pin.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

typedef struct {
    int value;
} number;
static CADRE_TYPE(number);

static cadre_system *screen, *engine; /* no writer after main() has begun to poll */
static pthread_t main_thread;

/* On a worker: it may take long. */
static int compute(cadre_self *self, void *state, cadre_msg *m)
{
    int n = cadre_body(m, number)->value, sum = 0;
    while (n > 0)
        sum += n--;
    return cadre_tell(screen, cadre_system_root(screen), number, sum);
}
static const cadre_class computer = {.name = "computer", .receive = compute};

/* On the thread of main(), every time. */
static int start_window(cadre_self *self, void *state)
{
    printf("asks\n");
    return cadre_tell(engine, cadre_system_root(engine), number, 100);
}
static int show(cadre_self *self, void *state, cadre_msg *m)
{
    bool here = pthread_equal(pthread_self(), main_thread);
    printf("shows %d on %s thread\n", cadre_body(m, number)->value,
           here ? "the main" : "another");
    return CADRE_STOP;
}
static const cadre_class window = {
    .name = "window", .start = start_window, .receive = show};

int main(void)
{
    cadre_config polled = {.workers = CADRE_NO_WORKERS};
    main_thread = pthread_self();
    if (cadre_system_new(&engine, NULL, &computer, NULL) ||
        cadre_system_new(&screen, &polled, &window, NULL))
        return 1;
    /* The loop of the window system, with one descriptor more. */
    struct pollfd fd = {.fd = cadre_system_fd(screen), .events = POLLIN};
    while (cadre_system_poll(screen, 0) >= 0)
        (void)poll(&fd, 1, -1);
    return cadre_system_wait(screen) || cadre_system_free(screen) ||
           cadre_system_stop_by(engine, CADRE_SECOND) || cadre_system_free(engine);
}

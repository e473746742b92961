/* isolate.c: a decoder that crashes on bad input, in a process of its own: its boss is
 * told of what it has died, and starts it again. The requests that wait are answered.
 *
 *   cc isolate.c -lcadre && ./a.out
 *   answer 10
 *   no answer: the other side ended before it answered
 *   the decoder is down: its process was killed by signal 11 (SIGSEGV)
 *   answer 30 */
#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/isolate.h>

#include <stdio.h>

typedef struct {
    int value;
} number;
CADRE_TYPE(number);

static int decode(cadre_self *self, void *state, cadre_msg *m)
{
    static int *volatile nowhere;
    int value = cadre_body(m, number)->value;
    if (value == 2)
        *nowhere = 1;
    return cadre_reply(self, m, number, 10 * value);
}

static const cadre_class decoder_class = {.name = "decoder", .receive = decode};

static int start(cadre_self *self, void *state)
{
    cadre_ref decoder;
    const cadre_opts opts = {.keep = true, .isolated = true};
    int err = cadre_spawn_with(self, &decoder, &decoder_class, NULL, &opts);
    for (int i = 1; !err && i <= 3; i++)
        err = cadre_ask(self, NULL, decoder, CADRE_NEVER, number, i);
    return err;
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const number *answer = cadre_body(m, number);
    if (down) {
        printf("the decoder is down: %s\n", down->text);
        return cadre_restart(self, down->child);
    }
    if (!answer)
        return printf("no answer: %s\n",
                      cadre_strerror(cadre_body(m, cadre_failure)->code)) < 0;
    printf("answer %d\n", answer->value);
    return answer->value == 30 ? CADRE_STOP : 0;
}

int main(void)
{
    const cadre_class boss = {.name = "boss", .start = start, .receive = receive};
    return cadre_run(&(cadre_config){.workers = 1, .isolated = 1}, &boss, NULL) != 0;
}

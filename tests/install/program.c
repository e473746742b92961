/* program.c: a user's program in C: one actor gets one message and stops. */
#include <cadre.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct greeting {
    int number;
} greeting;
static CADRE_TYPE(greeting);

static int start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), greeting, .number = 42);
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    greeting *g = cadre_body(m, greeting);
    return g && g->number == 42 ? CADRE_STOP : -1;
}

static const cadre_class greeter = {
    .name = "greeter", .start = start, .receive = receive};

/* argv[1]: the version that was installed. */
int main(int argc, char **argv)
{
    char version[32];
    unsigned v = cadre_version();
    snprintf(version, sizeof version, "%u.%u.%u", v / 10000, v / 100 % 100, v % 100);
    if (argc != 2 || strcmp(version, argv[1]) != 0) {
        fprintf(stderr, "the library is %s\n", version);
        return EXIT_FAILURE;
    }
    return cadre_run(NULL, &greeter, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

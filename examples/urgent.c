/* urgent.c: a printer with a long queue hears at once that it is to print in colour.
 *
 *   cc urgent.c -lcadre && ./a.out
 *   page 1 in colour
 *   page 2 in colour
 *   page 3 in colour */
#include <cadre.h>
#include <cadre/supervise.h>
#include <cadre/urgent.h>

#include <stdio.h>

typedef struct {
    int number, of;
} page;
CADRE_TYPE(page);
typedef struct {
    const char *name;
} ink;
CADRE_TYPE(ink);

static int print(cadre_self *self, void *state, cadre_msg *m)
{
    const char **name = state;
    const page *p = cadre_body(m, page);
    if (cadre_body(m, ink))
        *name = cadre_body(m, ink)->name;
    else if (printf("page %d in %s\n", p->number, *name) && p->number == p->of)
        return cadre_stop(self, cadre_parent(self));
    return 0;
}
static const cadre_class printer = {
    .name = "printer", .state_size = sizeof(const char *), .receive = print};

static int start(cadre_self *self, void *state)
{
    cadre_ref to;
    const char *black = "black";
    int err =
        cadre_spawn_with(self, &to, &printer, &black, &(cadre_opts){.levels = true});
    for (int i = 1; !err && i <= 3; i++)
        err = cadre_send(self, to, page, i, 3);
    return err ? err : cadre_send_urgent_as(self, to, CADRE_BODY(ink, "colour"));
}

static int receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }

int main(void)
{
    const cadre_class office = {.name = "office", .start = start, .receive = receive};
    return cadre_run(NULL, &office, NULL) != 0;
}

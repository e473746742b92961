/* offload.c: calls that block, beside an actor that does not. */
#include <cadre/offload.h>
#include <cadre/system.h>
#include <stdio.h>

typedef struct {
    char name[32];
    long lines;
} file;
static CADRE_TYPE(file);

/* On a thread of the pool: it may block, and has the body to itself. */
static int count_lines(void *body)
{
    file *f = body;
    FILE *in = fopen(f->name, "r");
    if (!in)
        return CADRE_EUSER;
    for (int c; (c = getc(in)) != EOF;)
        f->lines += c == '\n';
    fclose(in);
    return 0;
}

static int start(cadre_self *self, void *state)
{
    int err = cadre_offload(self, NULL, CADRE_POOL_FILES, CADRE_SECOND, count_lines,
                            file, .name = "/proc/self/status");
    return err ? err
               : cadre_offload(self, NULL, CADRE_POOL_FILES, CADRE_SECOND, count_lines,
                               file, .name = "/no/such/file");
}

static int receive(cadre_self *self, void *came, cadre_msg *m)
{
    const file *f = cadre_body(m, file);
    if (f)
        printf("%s: %s\n", f->name, f->lines > 10 ? "more than 10 lines" : "few lines");
    else
        printf("one could not be read\n");
    return ++*(int *)came == 2 ? CADRE_STOP : 0;
}
static const cadre_class root = {
    .state_size = sizeof(int), .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }

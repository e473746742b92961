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

static int count(cadre_self *self, const char *name)
{
    file f = {0};
    snprintf(f.name, sizeof f.name, "%s", name);
    return cadre_offload_as(self, NULL, CADRE_POOL_FILES, CADRE_SECOND, count_lines,
                            &file_type, &f);
}

static int start(cadre_self *self, void *state)
{
    return count(self, "/proc/self/status");
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    const file *f = cadre_body(m, file);
    if (f) {
        printf("%s: %s\n", f->name, f->lines > 10 ? "more than 10 lines" : "few lines");
        return count(self, "/no/such/file");
    }
    printf("the other one could not be read\n");
    return CADRE_STOP;
}
static const cadre_class root = {.start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }

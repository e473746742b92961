/* files.c: does everything that file.h has with files, each with its outcome, for
 * injected.py.
 *
 * files FOLDER: waits for a line on standard input; then works there, and writes a line
 * for each: what, on which path, the code, how many bytes, and the words. What was read
 * is told by its first and last byte. Nothing is written before all is done: that would
 * be among the calls that fail. */
#include <cadre.h>
#include <cadre/actors/file.h>
#include <cadre/await.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 3, SIZE = 20000 };

static const char *folder;
static FILE *lines; /* in memory */

struct worker {
    cadre_ref file;
    int round;
};

/* Waits for the outcome, and tells it. */
static int tell(cadre_self *self, const char *what, const char *path, cadre_token op)
{
    char text[300] = "";
    cadre_msg m;
    int err = cadre_await(self, op, &m);
    const cadre_failure *failure = err ? NULL : cadre_body(&m, cadre_failure);
    const cadre_file_written *written = err ? NULL : cadre_body(&m, cadre_file_written);
    const cadre_file_data *data = err ? NULL : cadre_body(&m, cadre_file_data);
    const uint8_t *bytes = data ? cadre_buf_data(data->bytes) : NULL;
    size_t size = data ? cadre_buf_size(data->bytes) : 0;
    if (failure)
        cadre_failure_text(text, sizeof text, what, path, failure);
    fprintf(lines, "%s|%s|%d|%llu|%c%c|%s\n", what, path,
            failure   ? failure->code
            : written ? written->code
                      : 0,
            (unsigned long long)(written ? written->bytes : size),
            size > 0 ? bytes[0] : '-', size > 0 ? bytes[size - 1] : '-', text);
    return err;
}

static cadre_buf *letters(int round)
{
    cadre_buf *buf = cadre_buf_new(NULL, SIZE);
    if (buf)
        memset(cadre_buf_data(buf), 'a' + round, SIZE);
    return buf;
}

/* name: of the path in the folder */
#define DO(name, what, call)                                                           \
    do {                                                                               \
        cadre_token op;                                                                \
        snprintf(path, sizeof path, "%s/%s", folder, name);                            \
        int error = call;                                                              \
        if (!error)                                                                    \
            error = tell(self, what, path, op);                                        \
        if (error)                                                                     \
            return error;                                                              \
    } while (0)

static int by_path(cadre_self *self, int round)
{
    const cadre_time never = CADRE_NEVER;
    char path[300], to[300];
    snprintf(to, sizeof to, "%s/renamed", folder);
    DO("deep/er", "make", cadre_file_make_directory(self, &op, never, path));
    DO("whole", "write", cadre_file_write(self, &op, never, path, letters(round)));
    DO("whole", "read", cadre_file_read(self, &op, never, path, 0));
    DO("log", "append",
       cadre_file_append(self, &op, never, path, letters(round), true));
    DO("log", "add", cadre_file_append(self, &op, never, path, letters(round), false));
    DO("log", "stat", cadre_file_stat(self, &op, never, path));
    DO("other", "write", cadre_file_write(self, &op, never, path, letters(round)));
    DO("other", "rename", cadre_file_rename(self, &op, never, path, to));
    DO("renamed", "remove", cadre_file_remove(self, &op, never, path));
    DO("", "list", cadre_file_list(self, &op, never, path, 0));
    return 0;
}

static int in_a_file(cadre_self *self, struct worker *me)
{
    char path[300];
    snprintf(path, sizeof path, "%s/open", folder);
    int err = cadre_spawn(self, &me->file, &cadre_file_class,
                          &(cadre_file){.path = path, .use = CADRE_FILE_MAKE});
    if (err)
        return err;
#define ASK(type, ...) cadre_ask(self, &op, me->file, CADRE_NEVER, type, __VA_ARGS__)
    DO("open", "put", ASK(cadre_file_write_at, 0, letters(me->round)));
    DO("open", "sync", ASK(cadre_file_sync, 0));
    DO("open", "get", ASK(cadre_file_read_at, 0, SIZE));
    DO("open", "extend", ASK(cadre_file_write_at, CADRE_FILE_END, letters(me->round)));
    DO("open", "sync", ASK(cadre_file_sync, 0));
    DO("open", "cut", ASK(cadre_file_truncate, SIZE));
    DO("open", "sync", ASK(cadre_file_sync, 0));
    cadre_stop(self, me->file);
    fprintf(lines, "closed|%s|0|0|--|\n", path);
    return 0;
}

static int work(cadre_self *self, void *state)
{
    struct worker *me = state;
    int err = 0;
    for (; me->round < ROUNDS && !err; me->round++) {
        err = by_path(self, me->round);
        if (!err)
            err = in_a_file(self, me);
    }
    return err ? err : CADRE_STOP;
}

static int no_more(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static const cadre_class worker = {.name = "worker",
                                   .state_size = sizeof(struct worker),
                                   .start = work,
                                   .receive = no_more};

int main(int argc, char **argv)
{
    char *text = NULL;
    size_t size = 0, done = 0;
    if (argc != 2 || !(lines = open_memstream(&text, &size)))
        return 2;
    folder = argv[1];
    printf("ready 0\n");
    if (fflush(stdout) || getchar() == EOF)
        return 2;
    int reason = cadre_run(NULL, &worker, NULL);
    fprintf(lines, "end|%s|%d|0|--|\n", folder, reason);
    fclose(lines);
    for (ssize_t n; done<size; done += n> 0 ? (size_t)n : 0)
        n = write(STDOUT_FILENO, text + done, size - done); /* until it is done */
    free(text);
    while (getchar() != EOF) /* somebody looks at what is open */
        ;
    return 0;
}

/* logger.c: two guests are logged to a file, which is printed at the end. */
#include <cadre.h>
#include <cadre/actors/logger.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/cadre-logger-example-XXXXXX";

static int guest_start(cadre_self *self, void *state)
{
    cadre_ref log = *(cadre_ref *)state;
    int err =
        cadre_log(self, log, CADRE_INFO, "came",
                  CADRE_FIELDS({"with", .text = "a \"hat\""}, {"bags", .number = 2}));
    if (!err)
        err = cadre_log(self, log, CADRE_DEBUG, "this is left out", NULL);
    if (!err)
        err = cadre_log(self, log, CADRE_ERROR, "two lines\nin one", NULL);
    return err ? err : CADRE_STOP;
}
static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class guest = {.name = "guest",
                                  .state_size = sizeof(cadre_ref),
                                  .start = guest_start,
                                  .receive = ignore};

/* The host ends when all is quiet, and the logger with it, which writes the rest. */
static int host_start(cadre_self *self, void *state)
{
    cadre_logger config = {.path = path};
    cadre_ref log;
    int err = cadre_spawn(self, &log, &cadre_logger_class, &config);
    for (int i = 0; i < 2 && !err; i++)
        err = cadre_spawn(self, NULL, &guest, &log);
    return err;
}
static const cadre_class host = {
    .name = "host", .start = host_start, .receive = ignore};

int main(void)
{
    char line[200];
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    int err = cadre_run(&(cadre_config){.end_when_quiet = true}, &host, NULL);
    FILE *file = fdopen(fd, "r");
    while (file && fgets(line, sizeof line, file))
        fputs(line, stdout);
    if (file)
        fclose(file);
    unlink(path);
    return err < 0;
}

/* changes.c: allocation k fails, k = 1, 2, 3 ..., while an actor has a folder watched in
 * which files come and go. Whatever fails says so, ends the watch, or is told as lost;
 * nothing is left allocated or open. */
#include "support/options.h"
#include "support/process.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/actors/changes.h>
#include <cadre/watch.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/cadre-fault-XXXXXX", name[64];
static atomic_uint answers;

static void make(void)
{
    close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    (void)unlink(name);
}

static int root_start(cadre_self *self, void *state)
{
    const cadre_changes what = {.path = folder, .settle = 1};
    cadre_ref child;
    int err = cadre_spawn(self, &child, &cadre_changes_class, &what);
    return err ? err : cadre_watch(self, NULL, child);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_change *c = cadre_body(m, cadre_change);
    if (c && c->kind == CADRE_CHANGE_WATCHED)
        make();
    if (c && c->kind == CADRE_CHANGE_CREATED)
        atomic_fetch_add(&answers, 1);
    bool is_last =
        c && (c->kind == CADRE_CHANGE_REMOVED || c->kind == CADRE_CHANGE_LOST);
    return is_last || m->type == &cadre_down_type ? CADRE_STOP : 0;
}

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with changes", entries);
    CHECK(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/x", folder);
    unsigned before = process_descriptors();
    for (uint32_t io = 0; io < 2; io++)
        sweep_both(&(struct sweep){.root = &root_class, .io_threads = io}, count,
                   "changes");
    CHECK(atomic_load(&answers) > 0);
    CHECK(process_descriptors() <= before + 2); /* libuv's, for good */
    CHECK_EQ(rmdir(folder), 0);
    return verdict_print();
}

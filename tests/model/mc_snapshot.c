/* mc_snapshot.c: how everything was before some choices of the execution under way, so
 * that the next one begins at the last of them that stays as it is.
 *
 * Copied are all that is static, the model's and the engine's, what is thread-local, the
 * stacks and the arena; the engine's large tables are only added to, or know themselves
 * how they were. What anybody has from libc's heap is not restored: then there is no
 * snapshot. */
#include "engine.h"

#include <link.h>
#include <malloc.h>
#include <string.h>

extern char __data_start[], _end[]; /* the linker's: where all that is static lies */

enum { SNAPSHOTS = 256, AREAS = 3 + THREADS, ROOM = 256 << 20 };

struct area {
    char *from;
    size_t size;
};

/* No snapshot has these. */
static struct snapshots {
    int count;
    size_t used, heap; /* of the room; bytes that libc's heap had when there was none */
    struct area tls;
    char *room;
    struct snapshot {
        int choices;
        struct place_state places;
        int areas;
        struct area area[AREAS];
        char *bytes; /* of all areas, in the room */
    } all[SNAPSHOTS];
} * snapshots;

static int find_tls(struct dl_phdr_info *info, size_t size, void *arg)
{
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS)
            snapshots->tls =
                (struct area){info->dlpi_tls_data, info->dlpi_phdr[i].p_memsz};
    return 1; /* the first is the program itself */
}

void snapshot_init(void)
{
    snapshots = mc_own(sizeof *snapshots);
    snapshots->room = mc_own(ROOM);
    dl_iterate_phdr(find_tls, NULL);
}

static size_t heap_in_use(void) { return mallinfo2().uordblks; }

void snapshot_none(void)
{
    snapshots->count = 0;
    snapshots->used = 0;
    snapshots->heap = heap_in_use();
}

static void add_area(struct snapshot *s, void *from, size_t size)
{
    s->area[s->areas++] = (struct area){from, size};
}

static size_t list_areas(struct snapshot *s)
{
    size_t arena_used, size = 0;
    void *arena = place_arena(&arena_used);
    s->areas = 0;
    add_area(s, __data_start, (size_t)(_end - __data_start));
    add_area(s, snapshots->tls.from, snapshots->tls.size);
    add_area(s, arena, arena_used);
    for (int t = 0; t <= mc.test->threads; t++)
        if (mc.fibers[t].stack_pointer) /* else it has not begun */
            add_area(s, mc.fibers[t].stack_pointer,
                     (size_t)(mc_stack_top(t) - (char *)mc.fibers[t].stack_pointer));
    for (int i = 0; i < s->areas; i++)
        size += s->area[i].size;
    return size;
}

void snapshot_take(int choices)
{
    if (snapshots->count == SNAPSHOTS || snapshots->heap != heap_in_use())
        return;
    struct snapshot *s = &snapshots->all[snapshots->count];
    if (list_areas(s) > ROOM - snapshots->used)
        return;
    snapshots->count++;
    s->choices = choices;
    s->places = place_take();
    s->bytes = snapshots->room + snapshots->used;
    for (int i = 0; i < s->areas; i++) {
        memcpy(snapshots->room + snapshots->used, s->area[i].from, s->area[i].size);
        snapshots->used += s->area[i].size;
    }
}

static void go_back_to(const struct snapshot *s)
{
    place_restore(s->places);
    const char *bytes = s->bytes;
    for (int i = 0; i < s->areas; i++) {
        memcpy(s->area[i].from, bytes, s->area[i].size);
        bytes += s->area[i].size;
    }
}

int snapshot_restore(int choices)
{
    struct snapshots *own = snapshots;
    while (own->count > 0 && own->all[own->count - 1].choices > choices)
        own->used = (size_t)(own->all[--own->count].bytes - own->room);
    if (own->count == 0)
        return -1;
    go_back_to(&own->all[own->count - 1]);
    return own->all[own->count - 1].choices;
}

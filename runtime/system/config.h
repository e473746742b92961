/* config.h: defaults, environment, validation. The environment is read here only. */
#ifndef SYSTEM_CONFIG_H
#define SYSTEM_CONFIG_H

#include "base/log.h"
#include "mem/stack.h"
#include "sched/sched.h"

#include <cadre/system.h>

/* A configuration with nothing left open. */
struct settings {
    enum sched_mode mode;
    uint32_t workers, pinned; /* the last of them are for pinned actors */
    uint32_t batch;
    uint32_t blocking_threads, blocking_waiting, io_threads;
    uint64_t seed;
    size_t memory_max, stack_size;
    int64_t stuck_after;
    bool end_when_quiet;
    bool report_faults;
    bool record_messages;
    bool stuck_stacks; /* of handlers that do not return, by a signal */
    bool polled;       /* no workers were asked for: there is a descriptor */
    uint32_t isolated; /* actors with a process of their own */
    /* Of the system in such a process: the way out, who its root is outside, and of whom
     * that is a child. Else NULL. */
    struct uplink *uplink;
    uint64_t me, parent;
    struct log log;
};

/* config may be NULL. Returns 0 or -EINVAL; the log sink is valid either way, and has
 * been told what is wrong. */
CC_MUST_CHECK int config_resolve(struct settings *settings, const cadre_config *config);

#endif

/* machine.h: which machine this is, which CPUs are ours, and who else uses them. */
#ifndef HARNESS_MACHINE_H
#define HARNESS_MACHINE_H

#include <sched.h>
#include <stddef.h>

struct machine {
    char cpu[64];      /* the model, as the kernel names it */
    unsigned cpus;     /* in the affinity mask this program was started with */
    cpu_set_t allowed; /* that mask */
    double quota;      /* CPUs the cgroup may use; 0: no quota */
    char kernel[96];   /* name, release, architecture */
    char compiler[64];
    char governor[32]; /* of the first allowed CPU; "unknown" when hidden */
    double load;       /* runnable tasks, mean of the last minute, at the start */
};

void machine_describe(struct machine *machine);

/* The same in one line of text. */
void machine_line(char *line, size_t size, const struct machine *machine);

/* Confines this thread, and those it starts, to the first `cpus` allowed CPUs; 0 or
 * more than there are: to all of them. */
void machine_pin(const struct machine *machine, unsigned cpus);

/* CPU time up to now, in seconds: wall * cpus, used by anybody on our CPUs (the
 * hypervisor's other guests included), and used by us and our children. */
struct machine_use {
    double wall, busy, own;
};

void machine_use_now(struct machine_use *use, const struct machine *machine);
/* Adds to `sum` what happened since `start`. */
void machine_use_add(struct machine_use *sum, const struct machine_use *start,
                     const struct machine *machine);
/* The part of the CPU time that went to others, 0 to 1. The kernel counts in ticks: two
 * of them are within its error, and short measurements see nobody. */
double machine_use_foreign(const struct machine_use *use);

#endif

/* run.c: a system from its beginning to its end. */
#include "base/log.h"
#include "system/system.h"

#include <errno.h>

int cadre_run(const cadre_config *config, const cadre_class *root, const void *init)
{
    cadre_system *sys;
    int err = cadre_system_new(&sys, config, root, init);
    if (err)
        return err;
    if (sys->settings.mode == SCHED_POLLED)
        while (cadre_system_poll(sys, CADRE_NEVER) >= 0) {
        }
    int reason = cadre_system_wait(sys);
    if (!system_has_ended(sys)) { /* simulated, and asleep for ever */
        log_line(&sys->world.log, LOG_ERROR,
                 "cadre_run: every actor waits, and nothing will ever come");
        err = cadre_system_stop_by(sys, CADRE_SECOND);
    }
    if (err != -ETIMEDOUT)
        (void)cadre_system_free(sys);
    return reason;
}

/* open.c: a system that a test holds open while it does things from outside. */
#include "support/open.h"

cadre_system *open_system(uint32_t workers, uint64_t seed, const cadre_class *root)
{
    cadre_config config = quiet(workers, seed);
    cadre_system *sys = NULL;
    assert_int_equal(cadre_system_new(&sys, &config, root, NULL), 0);
    return sys;
}

void close_system(cadre_system *sys)
{
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* restarts.c: children fail, are stopped and killed, and are restarted, by a parent that
 * takes its time or lets one go. */
#include "support/nursery.h"
#include "support/story.h"

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    struct dice dice = dice_new(seed, 1);
    nursery_open(seed, 1 + dice_below(&dice, 120));
    CHECK_EQ(story_run(&config, &nurse_class, NULL, &sums), 0);
    nursery_check();
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"restarts", play, 20000}, {0}};
    return story_main(argc, argv, stories);
}

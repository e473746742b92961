/* test_actors_abi.c: sizes of what programs have compiled in, on 64-bit machines. */
#include "support/support.h"

#include <cadre/actors/batcher.h>
#include <cadre/actors/breaker.h>
#include <cadre/actors/file.h>
#include <cadre/actors/framing.h>
#include <cadre/actors/gather.h>
#include <cadre/actors/group.h>
#include <cadre/actors/journal.h>
#include <cadre/actors/limiter.h>
#include <cadre/actors/logger.h>
#include <cadre/actors/pool.h>
#include <cadre/actors/post.h>
#include <cadre/actors/resolve.h>
#include <cadre/actors/retry.h>
#include <cadre/actors/router.h>
#include <cadre/actors/shedder.h>
#include <cadre/actors/ticker.h>
#include <cadre/actors/topic.h>

#define SIZE(T, size) assert_int_equal(sizeof(T), size)
/* A config is the actor's state, and as large. */
#define CONFIG(T, size)                                                                \
    SIZE(T, size);                                                                     \
    assert_int_equal(T##_class.state_size, size);                                      \
    assert_string_equal(T##_class.name, #T)
#define MESSAGE(T, bytes)                                                              \
    SIZE(T, bytes);                                                                    \
    assert_int_equal(T##_type.size, bytes);                                            \
    assert_string_equal(T##_type.name, #T)

static void configs(void **state)
{
    CONFIG(cadre_retry, 120);
    CONFIG(cadre_limiter, 64);
    CONFIG(cadre_breaker, 136);
    CONFIG(cadre_shedder, 248);
    CONFIG(cadre_logger, 336);
    CONFIG(cadre_file, 120);
    CONFIG(cadre_resolver, 64);
    SIZE(cadre_file_entry, 16);
    SIZE(cadre_address, 48);
    SIZE(cadre_log_field, 24);
    SIZE(cadre_framing, 120);
    SIZE(cadre_frame, 24);
    CONFIG(cadre_gather, 312);
    CONFIG(cadre_batcher, 64);
    CONFIG(cadre_ticker, 184);
    CONFIG(cadre_outbox, 96);
    CONFIG(cadre_inbox, 184);
    CONFIG(cadre_topic, 72);
    CONFIG(cadre_group, 56);
    CONFIG(cadre_journal_writer, 200);
    SIZE(cadre_journal_options, 160);
    CONFIG(cadre_router, 360);
    CONFIG(cadre_pool, 184);
}

static void messages(void **state)
{
    MESSAGE(cadre_breaker_ask, 4);
    MESSAGE(cadre_breaker_status, 40);
    MESSAGE(cadre_shedder_ask, 4);
    MESSAGE(cadre_shedder_status, 56);
    MESSAGE(cadre_logger_status, 56);
    MESSAGE(cadre_log_line, 24);
    MESSAGE(cadre_logger_flush, 4);
    MESSAGE(cadre_logger_reopen, 4);
    MESSAGE(cadre_logger_level, 4);
    MESSAGE(cadre_logger_ask, 4);
    MESSAGE(cadre_file_data, 16);
    MESSAGE(cadre_file_written, 24);
    MESSAGE(cadre_file_status, 24);
    MESSAGE(cadre_file_names, 16);
    MESSAGE(cadre_file_done, 4);
    MESSAGE(cadre_file_read_at, 16);
    MESSAGE(cadre_file_write_at, 16);
    MESSAGE(cadre_file_sync, 4);
    MESSAGE(cadre_file_truncate, 8);
    MESSAGE(cadre_file_ask, 4);
    MESSAGE(cadre_journal_append, 80);
    MESSAGE(cadre_journal_kept, 8);
    MESSAGE(cadre_addresses, 772);
    MESSAGE(cadre_resolver_ask, 258);
    MESSAGE(cadre_gathered, 24);
    MESSAGE(cadre_batcher_add, 8);
    MESSAGE(cadre_batcher_flush, 4);
    MESSAGE(cadre_batcher_flushed, 8);
    MESSAGE(cadre_batch, 24);
    MESSAGE(cadre_ticker_subscribe, 4);
    MESSAGE(cadre_tick, 16);
    MESSAGE(cadre_post, 24);
    MESSAGE(cadre_post_correct, 24);
    MESSAGE(cadre_post_recall, 8);
    MESSAGE(cadre_post_number, 8);
    MESSAGE(cadre_post_dispute, 8);
    MESSAGE(cadre_post_take, 8);
    MESSAGE(cadre_post_when, 8);
    MESSAGE(cadre_post_item, 48);
    MESSAGE(cadre_post_count, 16);
    MESSAGE(cadre_post_letter, 56);
    MESSAGE(cadre_post_last, 16);
    MESSAGE(cadre_post_gone, 24);
    MESSAGE(cadre_post_resend, 16);
    MESSAGE(cadre_topic_subscribe, 72);
    MESSAGE(cadre_topic_unsubscribe, 72);
    MESSAGE(cadre_topic_count, 8);
    MESSAGE(cadre_publish, 80);
    MESSAGE(cadre_published, 88);
    MESSAGE(cadre_group_join, 8);
    MESSAGE(cadre_group_leave, 8);
    MESSAGE(cadre_group_count, 8);
    MESSAGE(cadre_group_members, 4);
    MESSAGE(cadre_group_list, 16);
    MESSAGE(cadre_group_news, 24);
    MESSAGE(cadre_router_add, 8);
    MESSAGE(cadre_router_remove, 8);
    MESSAGE(cadre_router_targets, 4);
    MESSAGE(cadre_pool_ask, 4);
    MESSAGE(cadre_pool_status, 8);
}

int main(void)
{
    TESTS(cmocka_unit_test(configs), cmocka_unit_test(messages));
    return RUN_TESTS();
}

/* test_message.c: message types, bodies as views, and shared buffers. */
#include "support/effort.h"
#include "support/support.h"

#include <pthread.h>

/* ---- buffers ---- */

static void buf_new_copies_the_bytes(void **state)
{
    char text[] = "hello";
    cadre_buf *buf = cadre_buf_new(text, sizeof text);
    assert_non_null(buf);
    text[0] = 'j';
    assert_string_equal((char *)cadre_buf_data(buf), "hello");
    assert_int_equal(cadre_buf_size(buf), sizeof text);
    assert_int_equal((uintptr_t)cadre_buf_data(buf) % _Alignof(max_align_t), 0);
    cadre_buf_unref(buf);
}

static void buf_new_without_bytes_is_zeroed(void **state)
{
    static const unsigned char zero[4096];
    for (size_t size = 0; size <= sizeof zero; size += 512) {
        cadre_buf *buf = cadre_buf_new(NULL, size);
        assert_non_null(buf);
        assert_int_equal(cadre_buf_size(buf), size);
        assert_memory_equal(cadre_buf_data(buf), zero, size);
        cadre_buf_unref(buf);
    }
}

static void buf_new_of_an_impossible_size_is_null(void **state)
{
    assert_null(cadre_buf_new(NULL, SIZE_MAX));
    assert_null(cadre_buf_new(NULL, SIZE_MAX - 1));
#ifndef EFFORT_THREAD_SANITIZER /* which ends the process instead */
    assert_null(cadre_buf_new(NULL, SIZE_MAX / 2));
#endif
}

static void buf_functions_take_null(void **state)
{
    cadre_buf_unref(NULL);
    assert_null(cadre_buf_ref(NULL));
    assert_null(cadre_buf_data(NULL));
    assert_int_equal(cadre_buf_size(NULL), 0);
}

static void buf_lives_until_its_last_owner(void **state)
{
    cadre_buf *buf = cadre_buf_new("x", 1);
    assert_ptr_equal(cadre_buf_ref(buf), buf);
    cadre_buf_unref(buf);
    assert_int_equal(cadre_buf_data(buf)[0], 'x'); /* the sanitizers would tell */
    cadre_buf_unref(buf);
}

static void buf_move_leaves_null(void **state)
{
    cadre_buf *buf = cadre_buf_new("x", 1), *from = buf;
    assert_ptr_equal(cadre_buf_move(&from), buf);
    assert_null(from);
    assert_null(cadre_buf_move(&from));
    cadre_buf_unref(buf);
}

static void *share_often(void *arg)
{
    cadre_buf *buf = arg;
    for (int i = 0; i < 10000; i++)
        cadre_buf_unref(cadre_buf_ref(buf));
    cadre_buf_unref(buf);
    return NULL;
}

static void buf_is_shared_between_threads(void **state)
{
    pthread_t threads[4];
    cadre_buf *buf = cadre_buf_new("x", 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, share_often, cadre_buf_ref(buf)), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(cadre_buf_data(buf)[0], 'x');
    cadre_buf_unref(buf);
}

/* ---- buffers in messages: the leak checker watches ---- */

typedef struct {
    cadre_buf *bytes;
} parcel;

static void drop_parcel(void *body) { cadre_buf_unref(((parcel *)body)->bytes); }
static CADRE_TYPE_DROP(parcel, drop_parcel);

static cadre_buf *kept;
static int keep_parcel(cadre_self *self, void *state, cadre_msg *m)
{
    parcel *p = cadre_body(m, parcel);
    if (!kept)
        kept = cadre_buf_move(&p->bytes); /* drop finds NULL */
    return 0;
}

static void send_parcels(cadre_self *self)
{
    static const cadre_class keeper = {.receive = keep_parcel};
    cadre_ref to;
    cadre_buf *shared = cadre_buf_new("shared", 7);
    assert_int_equal(cadre_spawn(self, &to, &keeper, NULL), 0);
    assert_int_equal(cadre_send(self, to, parcel, cadre_buf_ref(shared)), 0);
    assert_int_equal(cadre_send(self, to, parcel, cadre_buf_ref(shared)), 0);
    assert_int_equal(cadre_send(self, (cadre_ref){0}, parcel, shared), 0);
}

static void what_a_receiver_moves_out_is_its_own(void **state)
{
    kept = NULL;
    assert_int_equal(play(send_parcels), 0);
    assert_string_equal((char *)cadre_buf_data(kept), "shared");
    cadre_buf_unref(kept);
}

/* ---- types and views ---- */

static void type_macros_fill_in_name_size_and_drop(void **state)
{
    assert_string_equal(number_type.name, "number");
    assert_int_equal(number_type.size, sizeof(number));
    assert_null(number_type.drop);
    assert_int_equal(number_type.flags, 0);
    assert_string_equal(parcel_type.name, "parcel");
    assert_int_equal(parcel_type.size, sizeof(parcel));
    assert_ptr_equal(parcel_type.drop, drop_parcel);
    for (int i = 0; i < 4; i++)
        assert_null(parcel_type.reserved[i]);
}

static void body_of_another_type_is_null(void **state)
{
    static const cadre_type twin = {.name = "number", .size = sizeof(number)};
    number n = {5};
    cadre_msg m = {.type = &number_type, .body = &n};
    assert_ptr_equal(cadre_body(&m, number), &n);
    assert_null(cadre_body(&m, parcel));
    assert_null(cadre_body_as(&m, &twin)); /* compared by address */
}

static void same_compares_addresses(void **state)
{
    assert_true(cadre_same((cadre_ref){7}, (cadre_ref){7}));
    assert_false(cadre_same((cadre_ref){7}, (cadre_ref){8}));
}

/* ---- results and the version ---- */

static void strerror_knows_every_code(void **state)
{
    static const int ours[] = {CADRE_OK,    CADRE_STOP,    CADRE_EDEAD,
                               CADRE_EFULL, CADRE_EKILLED, CADRE_EPARENT};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(cadre_strerror(ours[i]), cadre_strerror(ours[j]));
    assert_string_equal(cadre_strerror(-22), "Invalid argument");
    assert_string_equal(cadre_strerror(CADRE_EUSER), cadre_strerror(CADRE_EUSER - 5));
    static const int odd[] = {2, 22, INT32_MAX, INT32_MIN, -133, -4095, -4096, -9999};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        assert_non_null(cadre_strerror(odd[i]));
        assert_true(strlen(cadre_strerror(odd[i])) > 0);
        assert_null(strchr(cadre_strerror(odd[i]), '\n'));
    }
}

static void version_is_that_of_the_headers(void **state)
{
    assert_int_equal(cadre_version(), CADRE_VERSION_MAJOR * 10000 +
                                          CADRE_VERSION_MINOR * 100 +
                                          CADRE_VERSION_PATCH);
}

int main(void)
{
    TESTS(cmocka_unit_test(buf_new_copies_the_bytes),
          cmocka_unit_test(buf_new_without_bytes_is_zeroed),
          cmocka_unit_test(buf_new_of_an_impossible_size_is_null),
          cmocka_unit_test(buf_functions_take_null),
          cmocka_unit_test(buf_lives_until_its_last_owner),
          cmocka_unit_test(buf_move_leaves_null),
          cmocka_unit_test(buf_is_shared_between_threads),
          cmocka_unit_test(what_a_receiver_moves_out_is_its_own),
          cmocka_unit_test(type_macros_fill_in_name_size_and_drop),
          cmocka_unit_test(body_of_another_type_is_null),
          cmocka_unit_test(same_compares_addresses),
          cmocka_unit_test(strerror_knows_every_code),
          cmocka_unit_test(version_is_that_of_the_headers));
    return RUN_TESTS();
}

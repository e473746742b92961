/* test_image.c: constants, and what looks like one. */
#include "base/image.h"

#include "support/support.h"

static const char constant[64] = "constant";
static const char *const relocated[2] = {constant, constant + 1};
static char changing[64] = "changing";

static void image_at_constants(void **state)
{
    struct image image;
    image_init(&image);
    assert_true(image_at(&image, constant) >= sizeof constant);
    assert_true(image_at(&image, relocated) >= sizeof relocated);
    assert_true(image_at(&image, &number_type) >= sizeof number_type);
}

static void image_at_others_is_nothing(void **state)
{
    struct image image;
    char *heap = calloc(1, 64);
    image_init(&image);
    assert_int_equal(image_at(&image, changing), 0);
    assert_int_equal(image_at(&image, heap), 0);
    assert_int_equal(image_at(&image, &image), 0);
    assert_int_equal(image_at(&image, NULL), 0);
    free(heap);
}

int main(void)
{
    TESTS(cmocka_unit_test(image_at_constants),
          cmocka_unit_test(image_at_others_is_nothing));
    return RUN_TESTS();
}

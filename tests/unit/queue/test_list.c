/* test_list.c: the ring of a head and its links. */
#include "queue/list.h"

#include "support/support.h"

/* The list holds exactly these links, in this order, and is whole in both directions. */
static void assert_list(const struct list *head, struct list *const *links,
                        size_t count)
{
    const struct list *before = head;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(before->next, links[i]);
        assert_ptr_equal(links[i]->prev, before);
        before = links[i];
    }
    assert_ptr_equal(before->next, head);
    assert_ptr_equal(head->prev, before);
    assert_int_equal(list_is_empty(head), count == 0);
}

#define assert_links(head, ...)                                                        \
    assert_list(head, (struct list *[]){__VA_ARGS__},                                  \
                sizeof((struct list *[]){__VA_ARGS__}) / sizeof(struct list *))

static void list_at_first_is_empty(void **state)
{
    struct list head;
    list_init(&head);
    assert_list(&head, NULL, 0);
}

static void list_append_keeps_the_order(void **state)
{
    struct list head, a, b, c;
    list_init(&head);
    list_append(&head, &a);
    assert_links(&head, &a);
    list_append(&head, &b);
    assert_links(&head, &a, &b);
    list_append(&head, &c);
    assert_links(&head, &a, &b, &c);
}

static void list_remove_works_at_every_place(void **state)
{
    for (int place = 0; place < 3; place++) {
        struct list head, links[3];
        list_init(&head);
        for (int i = 0; i < 3; i++)
            list_append(&head, &links[i]);
        list_remove(&links[place]);
        assert_links(&head, &links[place == 0], &links[place == 2 ? 1 : 2]);
    }
}

static void list_remove_of_the_last_link_leaves_it_empty(void **state)
{
    struct list head, a;
    list_init(&head);
    list_append(&head, &a);
    list_remove(&a);
    assert_list(&head, NULL, 0);
}

static void list_removed_link_is_alone_and_may_be_removed_again(void **state)
{
    struct list head, a, b;
    list_init(&head);
    list_append(&head, &a);
    list_append(&head, &b);
    list_remove(&a);
    assert_list(&a, NULL, 0);
    list_remove(&a);
    assert_links(&head, &b);
}

static void list_removed_link_may_join_another_list(void **state)
{
    struct list one, other, a, b;
    list_init(&one);
    list_init(&other);
    list_append(&one, &a);
    list_append(&other, &b);
    list_remove(&a);
    list_append(&other, &a);
    assert_list(&one, NULL, 0);
    assert_links(&other, &b, &a);
}

int main(void)
{
    TESTS(cmocka_unit_test(list_at_first_is_empty),
          cmocka_unit_test(list_append_keeps_the_order),
          cmocka_unit_test(list_remove_works_at_every_place),
          cmocka_unit_test(list_remove_of_the_last_link_leaves_it_empty),
          cmocka_unit_test(list_removed_link_is_alone_and_may_be_removed_again),
          cmocka_unit_test(list_removed_link_may_join_another_list));
    return RUN_TESTS();
}

/* scope.c: what a handler computes is split into tasks that idle workers help with. */
#include <cadre/actor.h>
#include <cadre/scope.h>
#include <cadre/system.h>
#include <stdio.h>

enum { N = 1000000 };
static int data[N];

static int fill(cadre_scope *in, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++)
        data[i] = (int)(i % 1000);
    return 0;
}

static int add_up(cadre_scope *in, void *view, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++)
        *(int64_t *)view += data[i];
    return 0;
}
static void merge(void *view, const void *right, void *arg)
{
    *(int64_t *)view += *(const int64_t *)right;
}
static const cadre_reduction sum = {sizeof(int64_t), NULL, add_up, merge};

static int fail(cadre_scope *in, void *arg) { return CADRE_EUSER; }

static int start(cadre_self *self, void *state)
{
    cadre_scope s;
    cadre_job job;
    int64_t total = 0;
    int err = cadre_scope_open(self, &s);
    if (!err)
        err = cadre_parallel_for(&s, 0, N, 0, fill, NULL);
    if (!err)
        err = cadre_parallel_reduce(&s, &total, 0, N, 0, &sum, NULL);
    if (!err)
        err = cadre_scope_spawn(&s, &job, fail, NULL);
    printf("the sum is %lld\n", (long long)total);
    if (!err && cadre_scope_sync(&s) == CADRE_EUSER)
        printf("the first error is what the join returns\n");
    return err ? err : CADRE_STOP;
}
static int receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root = {.start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }

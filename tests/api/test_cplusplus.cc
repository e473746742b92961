/* test_cplusplus.cc: the same library from C++17: types by CADRE_TYPE, calls by the _as
 * functions. No test framework: the last line says how it went. */
#include <cadre.h>
#include <cadre/async.h>
#include <cadre/dispatch.h>
#include <cadre/supervise.h>
#include <cadre/watch.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace
{

struct question {
    int value;
};
struct answer {
    int value;
    cadre_buf *text;
};

void drop_answer(void *body) { cadre_buf_unref(static_cast<answer *>(body)->text); }

CADRE_TYPE(question);
CADRE_TYPE_DROP(answer, drop_answer);

int passed, failed;

void check(bool ok, const char *what)
{
    ok ? passed++ : failed++;
    if (!ok)
        std::printf("FAILED: %s\n", what);
}

int on_question(cadre_self *self, void *state, cadre_msg *m)
{
    const question *q = cadre_body(m, question);
    const std::string text = "answer to " + std::to_string(q->value);
    const answer a = {q->value * 2, cadre_buf_new(text.c_str(), text.size() + 1)};
    *static_cast<int *>(state) += 1;
    return cadre_reply_as(self, m, &answer_type, &a);
}

int on_answer(cadre_self *, void *, cadre_msg *m)
{
    answer *a = cadre_body(m, answer);
    check(a->value == 42, "the answer's value");
    cadre_buf *text = cadre_buf_move(&a->text);
    const char *bytes = reinterpret_cast<const char *>(cadre_buf_data(text));
    check(std::strcmp(bytes, "answer to 21") == 0, "the answer's text");
    check(cadre_body(m, question) == nullptr, "a body of another type");
    cadre_buf_unref(text);
    return CADRE_STOP;
}

int oracle_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on table[] = {{&question_type, on_question}, {nullptr, nullptr}};
    return cadre_dispatch(self, state, m, table);
}

int asker_start(cadre_self *self, void *)
{
    static const cadre_class oracle = {"oracle",       sizeof(int), nullptr,
                                       oracle_receive, nullptr,     {}};
    cadre_ref child;
    const int init = 7;
    const question q = {21};
    const int err = cadre_spawn(self, &child, &oracle, &init);
    check(cadre_same(child, child) && !cadre_same(child, cadre_me(self)), "addresses");
    return err ? err : cadre_send_as(self, child, &question_type, &q);
}

/* The same as an asynchronous function: state of its own, and nothing declared between
 * two waits. */
struct waiter {
    cadre_ref oracle;
    cadre_async run;
    int asked;
};

int waiter_run(cadre_self *self, void *state, cadre_msg *m)
{
    waiter *me = static_cast<waiter *>(state);
    const question q = {me->asked};
    CADRE_ASYNC(&me->run, waiter_run, self, state, m);
    while (me->asked < 3) {
        me->asked++;
        CADRE_AWAIT(cadre_ask_as(self, &me->run.token, me->oracle, CADRE_SECOND,
                                 &question_type, &q));
        check(cadre_body(m, answer)->value == 2 * (me->asked - 1), "an awaited answer");
    }
    CADRE_ASYNC_RETURN(CADRE_STOP);
    CADRE_ASYNC_END;
}

int waiter_start(cadre_self *self, void *state)
{
    static const cadre_class oracle = {"oracle",       sizeof(int), nullptr,
                                       oracle_receive, nullptr,     {}};
    waiter *me = static_cast<waiter *>(state);
    const int err = cadre_spawn(self, &me->oracle, &oracle, nullptr);
    return err ? err : waiter_run(self, state, nullptr);
}

} /* namespace */

int main()
{
    static const cadre_class asker = {"asker", 0, asker_start, on_answer, nullptr, {}};
    cadre_config config = {};
    check(std::strcmp(question_type.name, "question") == 0, "the type's name");
    check(question_type.size == sizeof(question), "the type's size");
    config.workers = 2;
    check(cadre_run(&config, &asker, nullptr) == 0, "a run");
    config.seed = 1;
    check(cadre_run(&config, &asker, nullptr) == 0, "a simulated run");
    static const cadre_class waiting = {"waiting",  sizeof(waiter), waiter_start,
                                        waiter_run, nullptr,        {}};
    check(cadre_run(&config, &waiting, nullptr) == 0, "a run with an async function");
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

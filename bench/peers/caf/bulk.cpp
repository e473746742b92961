/* bulk.cpp: many messages one way: counting, fanin, fjthroughput. */
#include "peer.hpp"

#include <vector>

namespace
{

const int64_t producers = 100, workers = 60, round_size = 10000;

class counter : public base
{
    int64_t sum = 0;

  public:
    using base::base;
    caf::behavior make_behavior() override
    {
        return {[this](integer by) { sum += by; }, [this](query_atom) { return sum; }};
    }
};

/* Adds up what comes in, and reports the sum after each share. */
class collector : public base
{
    const caf::actor master;
    const int64_t share;
    int64_t received = 0, sum = 0;

  public:
    collector(caf::actor_config &config, caf::actor master, int64_t share)
        : base(config), master(std::move(master)), share(share)
    {
    }
    caf::behavior make_behavior() override
    {
        return {[this](integer value) {
            sum += value;
            if (++received < share)
                return;
            send(master, sum);
            received = sum = 0;
        }};
    }
};

class producer : public base
{
    const caf::actor to;

  public:
    producer(caf::actor_config &config, caf::actor to) : base(config), to(std::move(to))
    {
    }
    caf::behavior make_behavior() override
    {
        return {[this](integer share) {
            for (integer value = 1; value <= share; value++)
                send(to, value);
        }};
    }
};

/* A master sends rounds until t.n messages are sent; what it needs to know of a row is
 * how to send a round, and how many sums come back. */
class master : public base
{
    const int64_t reports;
    int64_t missing = 0;

  protected:
    trial &t;
    const int64_t round;
    int64_t sent = 0, sum = 0;

    virtual void send_round() = 0;
    virtual int64_t wanted() const = 0;

    master(caf::actor_config &config, trial &t, int64_t round, int64_t reports)
        : base(config), reports(reports), t(t), round(round)
    {
    }
    void next_round()
    {
        missing = reports;
        send_round();
    }
    caf::behavior make_behavior() override
    {
        t.begin();
        next_round();
        return {[this](integer more) {
            sum += more;
            if (--missing > 0)
                return;
            if (sent < t.n)
                return next_round();
            t.finish();
            t.result(sum, wanted());
        }};
    }
};

class counting_master : public master
{
    const caf::actor to;

  public:
    counting_master(caf::actor_config &config, trial &t, int64_t round)
        : master(config, t, round, 1), to(spawn<counter>())
    {
    }
    void send_round() override
    {
        for (int64_t i = 0; i < round; i++)
            send(to, integer{1});
        send(to, query_atom::value);
        sent += round;
        sum = 0; /* the counter answers with all it has counted so far */
    }
    int64_t wanted() const override { return t.n; }
};

class fanin_master : public master
{
    std::vector<caf::actor> from;

  public:
    fanin_master(caf::actor_config &config, trial &t, int64_t round)
        : master(config, t, round, 1)
    {
        auto to = spawn<collector>(caf::actor_cast<caf::actor>(this), round);
        for (int64_t i = 0; i < producers; i++)
            from.push_back(spawn<producer>(to));
    }
    void send_round() override
    {
        for (auto &p : from)
            send(p, round / producers);
        sent += round;
    }
    int64_t wanted() const override { return t.n * (round / producers + 1) / 2; }
};

class fork_master : public master
{
    std::vector<caf::actor> to;

  public:
    fork_master(caf::actor_config &config, trial &t, int64_t round)
        : master(config, t, round, workers)
    {
        for (int64_t i = 0; i < workers; i++)
            to.push_back(
                spawn<collector>(caf::actor_cast<caf::actor>(this), round / workers));
    }
    void send_round() override
    {
        for (int64_t i = 0; i < round / workers; i++)
            for (auto &w : to)
                send(w, sent++);
    }
    int64_t wanted() const override { return t.n * (t.n - 1) / 2; }
};

} // namespace

void counting(caf::actor_system &system, trial &t)
{
    system.spawn<counting_master>(t, t.n);
}

void counting_rounds(caf::actor_system &system, trial &t)
{
    system.spawn<counting_master>(t, round_size);
}

void fanin(caf::actor_system &system, trial &t) { system.spawn<fanin_master>(t, t.n); }

void fanin_rounds(caf::actor_system &system, trial &t)
{
    system.spawn<fanin_master>(t, round_size);
}

void fjthroughput(caf::actor_system &system, trial &t)
{
    system.spawn<fork_master>(t, t.n);
}

void fjthroughput_rounds(caf::actor_system &system, trial &t)
{
    system.spawn<fork_master>(t, round_size / workers * workers);
}

/* turns.cpp: few messages, many turns: pingpong, pairs, threadring. */
#include "peer.hpp"

#include <vector>

namespace
{

const int64_t ring = 100;

class ponger : public base
{
    caf::actor pinger;

  public:
    ponger(caf::actor_config &config, caf::actor pinger)
        : base(config), pinger(std::move(pinger))
    {
    }
    caf::behavior make_behavior() override
    {
        return {[this](integer left) { send(pinger, left - 1); }};
    }
};

class pinger : public base
{
    caf::actor peer, master;
    const int64_t balls;
    int64_t caught = 0;

  public:
    pinger(caf::actor_config &config, caf::actor master, int64_t balls)
        : base(config), master(std::move(master)), balls(balls)
    {
        peer = spawn<ponger>(caf::actor_cast<caf::actor>(this));
    }
    caf::behavior make_behavior() override
    {
        return {[this](integer left) {
                    caught++;
                    if (left > 0)
                        send(peer, left - 1);
                    else
                        send(master, 2 * caught);
                },
                [this](go_atom) { send(peer, balls - 1); }};
    }
};

class pairs_master : public base
{
    trial &t;
    std::vector<caf::actor> pingers;
    int64_t left, balls = 0;

  public:
    pairs_master(caf::actor_config &config, trial &t, int64_t count)
        : base(config), t(t), left(count)
    {
        for (int64_t i = 0; i < count; i++)
            pingers.push_back(
                spawn<pinger>(caf::actor_cast<caf::actor>(this), t.n / count));
    }
    caf::behavior make_behavior() override
    {
        t.begin();
        for (auto &p : pingers)
            send(p, go_atom::value);
        return {[this](integer played) {
            balls += played;
            if (--left == 0) {
                t.finish();
                t.result(balls, t.n);
            }
        }};
    }
};

class member : public base
{
    const caf::actor master;
    caf::actor next;
    const int64_t me;

  public:
    member(caf::actor_config &config, caf::actor master, caf::actor next, int64_t me)
        : base(config), master(std::move(master)), next(std::move(next)), me(me)
    {
    }
    caf::behavior make_behavior() override
    {
        return {[this](integer left) {
                    if (left > 0)
                        send(next, left - 1);
                    else
                        send(master, me);
                },
                [this](peer_atom, const caf::actor &a) { next = a; }};
    }
};

class ring_master : public base
{
    trial &t;

  public:
    ring_master(caf::actor_config &config, trial &t) : base(config), t(t) {}
    caf::behavior make_behavior() override
    {
        const auto self = caf::actor_cast<caf::actor>(this);
        const auto first = spawn<member>(self, caf::actor{}, 0);
        auto next = first;
        for (int64_t i = ring - 1; i > 0; i--)
            next = spawn<member>(self, next, i);
        send(first, peer_atom::value, next);
        t.begin();
        send(first, t.n - 1);
        return {[this](integer last) {
            t.finish();
            t.result(last, (t.n - 1) % ring);
        }};
    }
};

} // namespace

void pingpong(caf::actor_system &system, trial &t) { system.spawn<pairs_master>(t, 1); }

void pairs(caf::actor_system &system, trial &t) { system.spawn<pairs_master>(t, 1000); }

void threadring(caf::actor_system &system, trial &t) { system.spawn<ring_master>(t); }

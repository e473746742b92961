/* graphs.cpp: messages across a graph: big, chameneos. */
#include "peer.hpp"

#include <memory>
#include <vector>

namespace
{

const int64_t big_actors = 120, creatures = 100;

/* Sends its next ping, to one drawn by Savina's generator, when a pong comes. The first
 * pong only starts it. */
class big_actor : public base
{
    const caf::actor master;
    const std::vector<caf::actor> &all;
    const int64_t me, pings;
    int64_t sent = 0;
    uint32_t random;

    void next()
    {
        if (sent == pings)
            return send(master, sent);
        sent++;
        random = (random * 1309 + 13849) & 65535;
        send(all[random % big_actors], ping_atom::value, me);
    }

  public:
    big_actor(caf::actor_config &config, caf::actor master,
              const std::vector<caf::actor> &all, int64_t me, int64_t pings)
        : base(config), master(std::move(master)), all(all), me(me), pings(pings),
          random(static_cast<uint32_t>(me))
    {
    }
    caf::behavior make_behavior() override
    {
        return {[this](ping_atom, integer from) {
                    send(all[static_cast<size_t>(from)], pong_atom::value, me);
                },
                [this](pong_atom, integer) { next(); }};
    }
};

class big_master : public base
{
    trial &t;
    std::vector<caf::actor> all;
    int64_t missing = big_actors, pongs = 0;

  public:
    big_master(caf::actor_config &config, trial &t) : base(config), t(t)
    {
        for (int64_t i = 0; i < big_actors; i++)
            all.push_back(spawn<big_actor>(caf::actor_cast<caf::actor>(this),
                                           std::cref(all), i, t.n / (2 * big_actors)));
    }
    caf::behavior make_behavior() override
    {
        t.begin();
        for (auto &a : all)
            send(a, pong_atom::value, integer{-1});
        return {[this](integer sent) {
            pongs += sent;
            if (--missing > 0)
                return;
            t.finish();
            t.result(2 * pongs, t.n);
        }};
    }
};

class mall : public base
{
    trial &t;
    caf::actor waiting;
    int64_t left, reports = 0, meetings = 0;

  public:
    mall(caf::actor_config &config, trial &t) : base(config), t(t), left(t.n) {}
    caf::behavior make_behavior() override;

  private:
    void meet(const caf::actor &creature, integer color)
    {
        if (left == 0) {
            send(creature, report_atom::value);
        } else if (!waiting) {
            waiting = creature;
        } else {
            left--;
            send(waiting, meet_atom::value, creature, color);
            waiting = nullptr;
        }
    }
};

integer mix(integer a, integer b) { return a == b ? a : 3 - a - b; }

class creature : public base
{
    const caf::actor place;
    integer color, meetings = 0;

    void go()
    {
        send(place, meet_atom::value, caf::actor_cast<caf::actor>(this), color);
    }

  public:
    creature(caf::actor_config &config, caf::actor place, integer color)
        : base(config), place(std::move(place)), color(color)
    {
    }
    caf::behavior make_behavior() override
    {
        return {[this](meet_atom, const caf::actor &other, integer its) {
                    color = mix(color, its);
                    meetings++;
                    send(other, change_atom::value, color);
                    go();
                },
                [this](change_atom, integer to) {
                    color = to;
                    meetings++;
                    go();
                },
                [this](report_atom) { send(place, report_atom::value, meetings); },
                [this](go_atom) { go(); }};
    }
};

caf::behavior mall::make_behavior()
{
    std::vector<caf::actor> all;
    for (int64_t i = 0; i < creatures; i++)
        all.push_back(spawn<creature>(caf::actor_cast<caf::actor>(this), i % 3));
    t.begin();
    for (auto &c : all)
        send(c, go_atom::value);
    return {[this](meet_atom, const caf::actor &creature, integer color) {
                meet(creature, color);
            },
            [this](report_atom, integer more) {
                meetings += more;
                if (++reports < creatures)
                    return;
                t.finish();
                t.result(meetings, 2 * t.n);
            }};
}

} // namespace

void big(caf::actor_system &system, trial &t) { system.spawn<big_master>(t); }

void chameneos(caf::actor_system &system, trial &t) { system.spawn<mall>(t); }

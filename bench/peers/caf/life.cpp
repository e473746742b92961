/* life.cpp: actors that come and go: spawn, fjcreate, skynet, memory.
 *
 * lazy_init: an actor is put into the run queue by its first message, not twice. */
#include "peer.hpp"

#include <atomic>
#include <cstdio>
#include <unistd.h>
#include <vector>

namespace
{

const int64_t wave_size = 1000;

class worker : public base
{
    const caf::actor master;

  public:
    worker(caf::actor_config &config, caf::actor master)
        : base(config), master(std::move(master))
    {
    }
    caf::behavior make_behavior() override
    {
        return {[this](integer number) {
            send(master, number);
            quit();
        }};
    }
};

class spawn_master : public base
{
    trial &t;
    int64_t ended = 0, sum = 0;

  public:
    spawn_master(caf::actor_config &config, trial &t) : base(config), t(t) {}
    caf::behavior make_behavior() override
    {
        const auto self = caf::actor_cast<caf::actor>(this);
        t.begin();
        for (int64_t i = 0; i < t.n; i++)
            send(spawn<worker, caf::lazy_init>(self), i);
        return {[this](integer number) {
            sum += number;
            if (++ended < t.n)
                return;
            t.finish();
            t.result(sum, t.n * (t.n - 1) / 2);
        }};
    }
};

/* Says nothing. */
class silent : public base
{
    std::atomic<int64_t> &handled;

  public:
    silent(caf::actor_config &config, std::atomic<int64_t> &handled)
        : base(config), handled(handled)
    {
    }
    caf::behavior make_behavior() override
    {
        return {[this](integer) {
            handled.fetch_add(1, std::memory_order_relaxed);
            quit();
        }};
    }
};

class fork_master : public base
{
    trial &t;
    std::atomic<int64_t> &handled;

  public:
    fork_master(caf::actor_config &config, trial &t, std::atomic<int64_t> &handled)
        : base(config), t(t), handled(handled)
    {
    }
    caf::behavior make_behavior() override
    {
        t.begin();
        for (int64_t i = 0; i < t.n; i++)
            send(spawn<silent, caf::lazy_init>(std::ref(handled)), i);
        return {};
    }
};

/* Sends its number, or the sum of its ten children, up. */
class sky : public base
{
    const caf::actor up;
    const int64_t number, size;
    int64_t sum = 0;
    int missing = 10;

    void answer(int64_t value)
    {
        send(up, value);
        quit();
    }

  public:
    sky(caf::actor_config &config, caf::actor up, int64_t number, int64_t size)
        : base(config), up(std::move(up)), number(number), size(size)
    {
    }
    caf::behavior make_behavior() override
    {
        if (size == 1) {
            answer(number);
            return {};
        }
        const auto self = caf::actor_cast<caf::actor>(this);
        for (int64_t i = 0; i < 10; i++)
            spawn<sky>(self, number + i * (size / 10), size / 10);
        return {[this](integer value) {
            sum += value;
            if (--missing == 0)
                answer(sum);
        }};
    }
};

class sky_master : public base
{
    trial &t;

  public:
    sky_master(caf::actor_config &config, trial &t) : base(config), t(t) {}
    caf::behavior make_behavior() override
    {
        t.begin();
        spawn<sky>(caf::actor_cast<caf::actor>(this), 0, t.n);
        return {[this](integer sum) {
            t.finish();
            t.result(sum, t.n * (t.n - 1) / 2);
        }};
    }
};

/* The bytes of RAM that this process holds. */
int64_t resident()
{
    long total = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &pages) != 2) {
        perror("peer: /proc/self/statm");
        _exit(1);
    }
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

class idler : public base
{
    int64_t state[2];

  public:
    idler(caf::actor_config &config, int64_t number) : base(config), state{number, 0} {}
    caf::behavior make_behavior() override
    {
        return {[this](query_atom) {
            state[1]++;
            return state[0];
        }};
    }
};

/* An actor that nobody refers to is destroyed, so 8 bytes of each are this table. */
class memory_master : public base
{
    trial &t;
    std::vector<caf::actor> actors;
    int64_t before = 0, started = 0, sum = 0;

    void spawn_wave()
    {
        for (int64_t i = 0; i < wave_size && int64_t(actors.size()) < t.n; i++) {
            actors.push_back(spawn<idler, caf::lazy_init>(int64_t(actors.size())));
            send(actors.back(), query_atom::value);
        }
    }

  public:
    memory_master(caf::actor_config &config, trial &t) : base(config), t(t)
    {
        actors.reserve(t.n);
    }
    caf::behavior make_behavior() override
    {
        before = resident();
        t.begin();
        spawn_wave();
        return {[this](integer number) {
            sum += number;
            if (++started < int64_t(actors.size()))
                return;
            if (started < t.n)
                return spawn_wave();
            t.finish();
            t.bytes = resident() - before;
            t.result(sum, t.n * (t.n - 1) / 2);
        }};
    }
};

} // namespace

void spawn(caf::actor_system &system, trial &t) { system.spawn<spawn_master>(t); }

/* The system itself waits for actors that say nothing. */
void fjcreate(caf::actor_system &system, trial &t)
{
    std::atomic<int64_t> handled{0};
    system.spawn<fork_master>(t, std::ref(handled));
    system.await_all_actors_done();
    t.finish();
    t.result(handled, t.n);
}

void skynet(caf::actor_system &system, trial &t) { system.spawn<sky_master>(t); }

void memory(caf::actor_system &system, trial &t) { system.spawn<memory_master>(t); }

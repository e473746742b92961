/* main.cpp: the rows of the comparison in CAF 0.17.
 *
 * usage: peer ROW THREADS N      prints "ROW THREADS N SECONDS [BYTES]" */
#include "peer.hpp"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

namespace
{

int64_t power_of_ten(int64_t n)
{
    int64_t power = 1;
    while (power <= n / 10)
        power *= 10;
    return power;
}

struct row {
    int64_t unit; /* N is rounded down to a multiple of it; 0: to a power of ten */
    row_function *play;
    bool shared = false; /* one run queue for all workers instead of one for each */

    int64_t whole(int64_t n) const { return unit ? n / unit * unit : power_of_ten(n); }
};

const std::map<std::string, row> rows = {
    {"pingpong", {2, pingpong}},
    {"pairs", {2000, pairs}},
    {"threadring", {1, threadring}},
    {"counting", {1, counting}},
    {"counting-rounds", {10000, counting_rounds}},
    {"fanin", {100, fanin}},
    {"fanin-rounds", {10000, fanin_rounds}},
    {"fjthroughput", {60, fjthroughput}},
    {"fjthroughput-rounds", {9960, fjthroughput_rounds}},
    {"spawn", {1, spawn, true}},
    {"fjcreate", {1, fjcreate, true}},
    {"skynet", {0, skynet}},
    {"memory", {1, memory}},
    {"big", {240, big}},
    {"chameneos", {1, chameneos}}};

[[noreturn]] void refuse(const std::string &reason)
{
    std::cerr << "peer: " << reason << " (usage: peer ROW THREADS N)\n";
    exit(2);
}

int64_t number(const std::string &text, int64_t max)
{
    int64_t n = 0;
    if (text.size() <= 10 && text.find_first_not_of("0123456789") == std::string::npos)
        n = atoll(text.c_str());
    if (n < 1 || n > max)
        refuse("a number from 1 to " + std::to_string(max) + ", not \"" + text + "\"");
    return n;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 4)
        refuse("three arguments");
    const std::string name = argv[1];
    auto found = rows.find(name);
    if (found == rows.end())
        refuse("unknown row \"" + name + "\"");
    const int64_t threads = number(argv[2], 1024);
    trial t;
    t.n = found->second.whole(number(argv[3], 1000000000));
    if (t.n == 0)
        refuse("N is too small for one game of " + name);

    caf::actor_system_config config;
    config.set("scheduler.max-threads", static_cast<size_t>(threads));
    if (found->second.shared)
        config.set("scheduler.policy", caf::atom("sharing"));
    caf::actor_system system{config};
    found->second.play(system, t);
    t.over.get_future().wait();
    if (t.found != t.wanted)
        std::cerr << "peer: " << name << ": found " << t.found << " instead of "
                  << t.wanted << '\n';
    else {
        const std::chrono::duration<double> took = t.end - t.start;
        printf("%s %lld %lld %.9f", name.c_str(), static_cast<long long>(threads),
               static_cast<long long>(t.n), took.count());
        if (t.bytes != 0)
            printf(" %lld", static_cast<long long>(t.bytes));
        putchar('\n');
        fflush(stdout);
    }
    /* Actors that know each other keep each other alive: nobody would end the system. */
    _Exit(t.found != t.wanted);
}

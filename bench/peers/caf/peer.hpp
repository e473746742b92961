/* peer.hpp: what the rows of the comparison share, as CAF's event-based actors. */
#ifndef PEER_HPP
#define PEER_HPP

#include <caf/all.hpp>

#include <chrono>
#include <cstdint>
#include <future>

/* One run: what it was asked for, and what it found. The master writes the latter, and
 * then says so. */
struct trial {
    int64_t n; /* operations */
    std::chrono::steady_clock::time_point start, end;
    int64_t found = 0, wanted = 0; /* the result, and what it should have been */
    int64_t bytes = 0;             /* growth of the resident set, if that is measured */
    std::promise<void> over;

    void begin() { start = std::chrono::steady_clock::now(); }
    void finish() { end = std::chrono::steady_clock::now(); }
    void result(int64_t is, int64_t should_be)
    {
        found = is;
        wanted = should_be;
        over.set_value();
    }
};

using integer = int64_t; /* what most messages carry, and nothing else */

/* What the others begin with. */
using go_atom = caf::atom_constant<caf::atom("go")>;
using query_atom = caf::atom_constant<caf::atom("query")>;
using peer_atom = caf::atom_constant<caf::atom("peer")>;
using ping_atom = caf::atom_constant<caf::atom("ping")>;
using pong_atom = caf::atom_constant<caf::atom("pong")>;
using meet_atom = caf::atom_constant<caf::atom("meet")>;
using change_atom = caf::atom_constant<caf::atom("change")>;
using report_atom = caf::atom_constant<caf::atom("report")>;

/* Every actor is a class with its state as members: CAF's fastest form. */
using base = caf::event_based_actor;

/* Each spawns the master of its row. */
using row_function = void(caf::actor_system &system, trial &t);
row_function pingpong, pairs, threadring;
row_function counting, counting_rounds, fanin, fanin_rounds;
row_function fjthroughput, fjthroughput_rounds;
row_function spawn, fjcreate, skynet, memory;
row_function big, chameneos;

#endif

# compare-report.awk: makes the runs of tools/compare.sh into tables and bars.
#
# usage: awk -f tools/csv.awk -f tools/compare-report.awk -v what=tables|bars|machine
#            -v NAME=VALUE... machine.csv raw.csv
#
#   machine.csv   a file of one of our benchmarks, which says which machine it was
#   raw.csv       row,threads,runtime,n,seconds,bytes,foreign: one run per line; the runtime
#                 "limit" is the machine itself
#   runtimes      those measured, ours first
#   table, pony   bench/peers/rows.txt and pony.csv
#   scratch       the folder of the files versions and lost
#   date, minutes, repeat, notes
#
# Rates are in million operations per second, memory in bytes per actor.

BEGIN {
    title["cadre"] = "Cadre"
    title["erlang"] = "Erlang"
    title["go"] = "Go"
    title["caf"] = "CAF"
    PONY = "Pony (scaled, not measured here)"
    # The one-thread queue on the machine that Pony was measured on, in nanoseconds.
    PONY_QUEUE = 4.5
    BUSY = 0.06
    runtime_count = split(runtimes, runtime, " ")
    read_table()
    read_pony()
}

function read_table(    line, field, n) {
    while ((getline line < table) > 0) {
        n = split(line, field, " ")
        if (n > 0 && field[1] !~ /^#/) {
            row_name[++row_count] = field[1]
            operation[field[1]] = field[2]
        }
    }
}

# The better of Pony's two configurations.
function read_pony(    line, field, key) {
    while ((getline line < pony) > 0) {
        split(line, field, ",")
        if (field[1] == "row")
            continue
        key = field[1] SUBSEP field[2]
        if (!(key in pony_value) || better(field[1], field[4], pony_value[key])) {
            pony_value[key] = field[4] + 0
            pony_low[key] = field[5] + 0
            pony_high[key] = field[6] + 0
        }
    }
}

function is_memory(row) { return row == "memory" }
function better(row, mine, theirs) {
    return is_memory(row) ? mine + 0 < theirs + 0 : mine + 0 > theirs + 0
}

NR == FNR {
    csv_split($0, field)
    if (FNR == 1)
        for (i in field)
            column[field[i]] = i
    else {
        machine = field[column["cpu"]] ", " field[column["cpus"]] " CPUs"
        if (field[column["quota"]] + 0 > 0)
            machine = machine " (a quota of " field[column["quota"]] ")"
        machine = machine ", " field[column["kernel"]]
        compiler = field[column["compiler"]]
    }
    next
}

FNR > 1 {
    split($0, field, ",")
    row = field[1]
    key = row SUBSEP field[2] SUBSEP field[3]
    if (field[3] == "limit") {
        key = row SUBSEP "limit"
        limits++
        add(key, 1e9 * field[5])
    } else {
        if (!(field[2] in threads_seen))
            thread[++thread_count] = field[2]
        threads_seen[field[2]] = 1
        add(key, is_memory(row) ? field[6] / field[4] : field[4] / field[5] / 1e6)
    }
    runs++
    if (field[7] > BUSY) {
        busy[key] = 1
        disturbed++
    }
}

function add(key, figure) { sample[key, ++count[key]] = figure }

# Median, least and most of a cell, into figure[key], low[key] and high[key].
function summarise(key,    n, i, j, x, sorted) {
    n = count[key]
    for (i = 1; i <= n; i++) {
        x = sample[key, i]
        for (j = i - 1; j > 0 && sorted[j] > x; j--)
            sorted[j + 1] = sorted[j]
        sorted[j + 1] = x
    }
    low[key] = sorted[1]
    high[key] = sorted[n]
    figure[key] = n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

# Three digits.
function readable(x) {
    return sprintf(x >= 99.95 ? "%.0f" : x >= 9.995 ? "%.1f" : x >= 0.9995 ? "%.2f" : "%.3f", x)
}
function span(middle, from, to) {
    return readable(middle) " (" readable(from) "-" readable(to) ")"
}
function cell(key, row, t, who) {
    if (key in count)
        return span(figure[key], low[key], high[key]) ((key in busy) ? " †" : "")
    return ((row, t, who) in lost) ? lost[row, t, who] : "-"
}
function plural(row) { return operation[row] == "leaf" ? "leaves" : operation[row] "s" }
# How many times better `mine` is: more of a rate, less of memory.
function ratio(row, mine, theirs) {
    return readable(is_memory(row) ? theirs / mine : mine / theirs)
}

function best_peer(row, t,    i, best) {
    for (i = 2; i <= runtime_count; i++)
        if (((row, t, runtime[i]) in count) &&
            (best == "" || better(row, figure[row, t, runtime[i]], figure[row, t, best])))
            best = runtime[i]
    return best
}

function has_row(row, t) { return (row SUBSEP t SUBSEP "cadre") in count }

function pony_factor(row) { return is_memory(row) ? 1 : PONY_QUEUE / queue }
function has_pony(row, t) { return queue > 0 && ((row, t) in pony_value) }

function put_table(t,    i, r, row, line, mine, best, factor) {
    printf "\n## %s\n\n", t == 1 ? "One thread" : t " threads"
    line = "| row | counted |"
    for (i = 1; i <= runtime_count; i++)
        line = line " " title[runtime[i]] " |"
    print line " Cadre / best | Pony, scaled | Cadre / Pony |"
    gsub(/[^|]+/, "---", line)
    print line "---|---|---|"
    for (r = 1; r <= row_count; r++) {
        row = row_name[r]
        if (!has_row(row, t))
            continue
        mine = figure[row, t, "cadre"]
        line = "| " row " | " (is_memory(row) ? "bytes/actor" : plural(row)) " |"
        for (i = 1; i <= runtime_count; i++)
            line = line " " cell(row SUBSEP t SUBSEP runtime[i], row, t, runtime[i]) " |"
        best = best_peer(row, t)
        line = line " " (best == "" ? "-" : ratio(row, mine, figure[row, t, best]) " (" title[best] ")") " |"
        factor = pony_factor_or_zero(row, t)
        if (factor > 0)
            line = line " " span(factor * pony_value[row, t], factor * pony_low[row, t], \
                factor * pony_high[row, t]) " | " ratio(row, mine, factor * pony_value[row, t]) " |"
        else
            line = line " - | - |"
        print line
    }
}

function pony_factor_or_zero(row, t) { return has_pony(row, t) ? pony_factor(row) : 0 }

function put_limit(name, text,    key) {
    key = name SUBSEP "limit"
    if (key in count)
        print "| " text " | " span(figure[key], low[key], high[key]) " |"
}
function put_limits() {
    if (limits == 0)
        return
    print "\n## What the machine can do\n"
    print "Measured in the runs of pingpong, pairs and counting; nanoseconds, median (least-most).\n"
    print "| | |\n|---|---|"
    put_limit("same-thread queue pairs=1", "the queue of one thread, one pair of actors")
    put_limit("same-thread queue pairs=1000", "the same, 1,000 pairs")
    put_limit("filled and walked list", "a list of 64-byte nodes in fresh memory, filled, then walked; a node")
    put_limit("cache-line hop cpus=2", "a cache line to another CPU")
    put_limit("futex wake cpus=2", "waking a thread on another CPU")
    print "\nThe queue of one thread is a runtime that can do nothing else: a list of messages for each actor,\n" \
        "a list of actors, and a call through a pointer. It bounds pingpong and pairs on one thread. The list in\n" \
        "fresh memory shows what the system takes for memory: where it is slow, as on many virtual machines,\n" \
        "it decides counting, fanin, fjthroughput, spawn, fjcreate and skynet for whoever needs much of it."
}

function put_head(    line, part, i, n) {
    print "# Benchmarks: Cadre and other runtimes\n"
    print "<!-- written by `make compare`; to be changed there, and in bench/peers/notes.md -->\n"
    if (disturbed > runs / 10)
        notes = notes (notes == "" ? "" : "\n") sprintf("other programs were in the way of %.0f %% of the runs", \
            100 * disturbed / runs)
    n = split(notes, part, "\n")
    if (n > 0) {
        line = part[1]
        for (i = 2; i <= n; i++)
            line = line "; " part[i]
        print "**Not to be quoted**: " line ".\n"
    }
    print "Million operations per second, so more is better, and for `memory` bytes, so less is better:\n" \
        "median (least-most) of " repeat (repeat == 1 ? " run" : " runs") ". *Cadre / best* compares with the best of the other runtimes\n" \
        "that were measured, and names it; *Cadre / Pony* with Pony; above 1, Cadre is ahead, in every row.\n" \
        "Where the ranges of two cells overlap, their order means little."
    if (queue > 0)
        printf "\n**Pony was not measured here.** Its figures come from another machine, and are multiplied by %.2f:\n" \
            "by how much faster this machine passes a message in the bare queue of one thread, %.1f ns there and\n" \
            "%s ns here. `memory` is as it was there.\n", PONY_QUEUE / queue, PONY_QUEUE, \
            span(queue, low["same-thread queue pairs=1", "limit"], high["same-thread queue pairs=1", "limit"])
    for (i = 1; i <= thread_count; i++)
        put_table(thread[i])
    if (disturbed)
        print "\n†: during a run of this cell other programs took more than 6 % of the CPU time."
    print "\n![The same as bars](benchmarks.svg)"
    put_method()
    put_limits()
    print ""
}

function put_method(    line, part) {
    print "\n## How it was measured\n"
    while ((getline line < (scratch "/versions")) > 0) {
        split(line, part, ",")
        version[part[1]] = substr(line, length(part[1]) + 2)
    }
    print "* " date ", in " minutes (minutes == 1 ? " minute: " : " minutes: ") machine ", " version["system"] ",\n" \
        "  whose packages the other runtimes are."
    print "* Cadre " version["cadre"] ": " compiler ", `-O2`, linked to the static library that `make install`\n" \
        "  installs; no link-time optimisation, no `-march`."
    if ("erlang" in version)
        print "* " version["erlang"] "; `erlc` without options; `+S T:T +SDcpu 1:1 +SDio 1 +P 4000000`."
    if ("go" in version)
        print "* " version["go"] "; `go build` without options; `GOMAXPROCS` = T, the collector as it is (`GOGC` = 100)."
    if ("caf" in version)
        print "* " version["caf"] ", the packaged shared library; programs by g++ " version["g++"] \
            " `-O2 -DNDEBUG`;\n  `scheduler.max-threads` = T, `scheduler.policy` as said under Fairness."
    if (queue > 0)
        print "* Pony: bench/peers/pony.csv, the better of its two configurations, measured where and how \"Fairness\"\n" \
            "  says. The queue that took 4.5 ns there was another program that does the same step by step; side by\n" \
            "  side on one machine ours needs 4 % less, so the factor is rather too large than too small. It says\n" \
            "  nothing about a cache line, which counts with more than one thread, and nothing about fresh memory,\n" \
            "  which counts in counting, fanin, fjthroughput, spawn and skynet."
    print "* T threads of the scheduler, pinned to T CPUs (`taskset`), in an empty environment; every run is a\n" \
        "  process of its own, without a warm-up."
    print "* All runtimes take turns with a row, then comes the next row; after the last the first again. So\n" \
        "  they share the good and the bad minutes of the machine."
    print "* The programs take the time themselves, from just before the first message to the handling of the\n" \
        "  last one, and check their results; starting and ending the process is not included."
    print "* Where the number of operations is a part of the question (all but the first three rows, big,\n" \
        "  chameneos and the rounds), it is the same for all; elsewhere a run takes about half a second."
    print "* Every run: [benchmarks.csv](benchmarks.csv). To repeat it: `make compare INSTALL=1`."
}

function put_bars(    r, row, i, j, key, group, unit, factor) {
    print "group,series,value,low,high,unit"
    for (r = 1; r <= row_count; r++) {
        row = row_name[r]
        unit = is_memory(row) ? "bytes per idle actor: shorter is better" : \
            "million operations per second: longer is better"
        for (j = 1; j <= thread_count; j++) {
            group = row ", " thread[j] (thread[j] == 1 ? " thread" : " threads")
            for (i = 1; i <= runtime_count; i++) {
                key = row SUBSEP thread[j] SUBSEP runtime[i]
                if (key in count)
                    put_bar(group, title[runtime[i]], figure[key], low[key], high[key], unit)
            }
            factor = pony_factor_or_zero(row, thread[j])
            if (factor > 0)
                put_bar(group, PONY, factor * pony_value[row, thread[j]], \
                    factor * pony_low[row, thread[j]], factor * pony_high[row, thread[j]], unit)
        }
    }
}
function put_bar(group, series, middle, from, to, unit) {
    printf "%s,%s,%.6g,%.6g,%.6g,%s\n", csv_quote(group), csv_quote(series), middle, from, to, csv_quote(unit)
}

END {
    for (key in count)
        summarise(key)
    if (("same-thread queue pairs=1" SUBSEP "limit") in count)
        queue = figure["same-thread queue pairs=1", "limit"]
    while ((getline line < (scratch "/lost")) > 0) {
        split(line, field, ",")
        lost[field[1], field[2], field[3]] = field[4]
    }
    if (what == "tables")
        put_head()
    else if (what == "bars")
        put_bars()
    else
        print machine "\n" date ", medians of " repeat (repeat == 1 ? " run" : " runs") (notes == "" ? "" : ": not to be quoted")
}

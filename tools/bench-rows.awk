# bench-rows.awk: makes what `make bench` measured into what plot.awk draws.
#
# usage: awk -f tools/csv.awk -f tools/bench-rows.awk [-v what=machine] results.csv
#
# Reads the CSV of the benchmarks (bench/harness/report.c) and writes that of plot.awk:
# a group for each row, a series for each number of workers, the median with the
# quartiles as its error bar; nanoseconds per operation become operations per second.
# With what=machine it writes lines about the machine instead.

function complain(text) {
    print FILENAME ": line " FNR ": " text > "/dev/stderr"
    failed = 1
    exit 2
}

function field(name) {
    if (!(name in column))
        complain("there is no column \"" name "\"")
    return value[column[name]]
}

function put_row(group, series, median, low, high, unit) {
    if (median <= 0 || low <= 0) {
        print FILENAME ": " group ": left out, " median " is nothing to draw" > "/dev/stderr"
        return
    }
    median = sprintf("%.6g,%.6g,%.6g", median, low, high)
    page = page csv_quote(group) "," csv_quote(series) "," median "," csv_quote(unit) "\n"
}

FNR == 1 {
    fields = csv_split($0, value)
    for (i = 1; i <= fields; i++)
        column[value[i]] = i
    page = "group,series,value,low,high,unit\n"
    next
}

{
    if (csv_split($0, value) != fields)
        complain("not " fields " fields")
    rows++
    busy += field("machine_state") == "busy"
    unit = field("unit")
    operation = unit
    sub(/^[a-z]*\//, "", operation)
    series = "limit of the machine"
    group = field("parameters")
    if (match(group, / ?workers=[0-9]+/)) {
        series = substr(group, RSTART, RLENGTH)
        group = substr(group, 1, RSTART - 1) substr(group, RSTART + RLENGTH)
        sub(/ ?workers=/, "", series)
        series = series (series == 1 ? " worker" : " workers")
    }
    group = field("name") (group == "" ? "" : " " group) " (" operation ")"
    # Several benchmarks may measure the same limit.
    if ((group, series) in seen)
        group = group ", " field("bench")
    seen[group, series]
    machine = field("cpu") ", " field("cpus") " CPUs, " field("kernel") ", " field("compiler")
    times = field("repeat")
    time = field("time")
}

what == "machine" { next }
unit ~ /^ns/ && field("p25") > 0 {
    put_row(group, series, 1e3 / field("median"), 1e3 / field("p75"), 1e3 / field("p25"),
        "million operations per second: longer is better")
    next
}
{ put_row(group, series, field("median"), field("p25"), field("p75"), "bytes: shorter is better") }

END {
    if (failed)
        exit 2
    if (rows == 0)
        complain("no rows")
    if (what != "machine") {
        printf "%s", page
        exit
    }
    print machine
    print substr(time, 1, 10) ", median of " times " runs"
    if (busy)
        print busy " of " rows " rows while other programs used the CPUs: measure again on a quiet machine"
}

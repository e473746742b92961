# compare-run.awk: makes what one of our benchmarks wrote into a line like the peers'.
#
# usage: awk -f tools/csv.awk -f tools/compare-run.awk -v row=ROW -v threads=T
#            -v limits=FILE bench.csv
#
# Prints "ROW THREADS N SECONDS [BYTES]". The limits of the machine, which some benchmarks
# measure beside, go to the file `limits`: name and nanoseconds.

{ csv_split($0, value) }
FNR == 1 {
    for (i in value)
        column[value[i]] = i
    next
}
{
    name = value[column["name"]]
    each = value[column["median"]]
    n = value[column["n"]]
}
name ~ /^(same-thread queue|cache-line hop|futex wake)$/ {
    printf "%s %s,%s\n", name, value[column["parameters"]], each > limits
}
name == "filled and walked list" { printf "%s,%s\n", name, each > limits }
name != row { next }
row == "memory" { printf "%s %d %d 0 %.0f\n", row, threads, n, each * n; next }
{
    seconds = each * n / 1e9
    # Of all the actors in the tree, the leaves are what the peers count.
    if (row == "skynet")
        n = int((9 * n + 1) / 10)
    printf "%s %d %d %.9f\n", row, threads, n, seconds
}

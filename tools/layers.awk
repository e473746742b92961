# layers.awk: a file may include only what stands above it in runtime/LAYERS.
#
# usage: awk -f layers.awk runtime/LAYERS runtime/*/*.[ch]
#
# Every file must be named there, and every name must have a file.
FNR == NR {
    rank[$1] = FNR
    next
}
FNR == 1 {
    from = FILENAME
    sub(/^.*runtime\//, "", from)
    sub(/\.[ch]$/, "", from)
    exists[from] = 1
    if (!(from in rank))
        wrong(from " is not in runtime/LAYERS")
}
/^[ \t]*#[ \t]*include/ {
    quoted = $0 ~ /include[ \t]*"/
    to = $0
    sub(/^[^"<]*["<]/, "", to)
    sub(/[">].*$/, "", to)
    file = to
    sub(/\.h$/, "", to)
    if (file == "mc.h")
        next # the model checker's, in base/atomic only, in its builds only
    if (!quoted && !(to in rank))
        next # a system or public header
    if (to ~ /\.\./ || !(from in rank) || !(to in rank) || rank[to] > rank[from])
        wrong(from " may not include " file)
}
function wrong(what)
{
    print FILENAME ":" FNR ": " what
    bad = 1
}
END {
    for (name in rank)
        if (!(name in exists)) {
            print "runtime/LAYERS:" rank[name] ": no file " name
            bad = 1
        }
    exit bad
}

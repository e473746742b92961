# ifdefs.awk: at most two conditionals in 1,000 lines, where a feature is not a platform.
#
# usage: awk -f ifdefs.awk FILES      base/ and io/loop, the places for them, are exempt
FILENAME ~ /runtime\/(base\/|io\/loop)/ { next }
{ lines++ }
/^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)/ && !/ifndef [A-Z0-9_]+_H$/ {
    count++
    found[count] = FILENAME ":" FNR ": " $0
}
END {
    if (count * 1000 <= 2 * lines)
        exit 0
    for (i = 1; i <= count; i++)
        print found[i]
    print count " conditionals in " lines " lines: more than 2 in 1,000"
    exit 1
}

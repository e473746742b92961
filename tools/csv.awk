# csv.awk: functions for CSV files, loaded before the program that uses them.
#
# usage: awk -f tools/csv.awk -f PROGRAM FILE

# Splits a line into fields[1..n] and returns n. A field in quotes may hold commas and
# doubled quotes; a line break it may not. -1: a quote is not closed, or has something
# behind it.
function csv_split(line, fields,    n, at, field) {
    for (n = 1;; n++) {
        if (substr(line, 1, 1) == "\"") {
            field = ""
            line = substr(line, 2)
            while ((at = index(line, "\"")) > 0 && substr(line, at + 1, 1) == "\"") {
                field = field substr(line, 1, at)
                line = substr(line, at + 2)
            }
            if (at == 0)
                return -1
            fields[n] = field substr(line, 1, at - 1)
            line = substr(line, at + 1)
            if (line != "" && substr(line, 1, 1) != ",")
                return -1
            at = line != ""
        } else {
            at = index(line, ",")
            fields[n] = at ? substr(line, 1, at - 1) : line
        }
        if (!at)
            return n
        line = substr(line, at + 1)
    }
}

function csv_quote(text) {
    gsub(/"/, "\"\"", text)
    return "\"" text "\""
}

# plot.awk: draws a CSV file as one SVG page of horizontal bars on a logarithmic scale.
#
# usage: awk -f tools/csv.awk -f tools/plot.awk [-v NAME=VALUE]... FILE.csv >PAGE.svg
#
# The first line is `group,series,value,low,high,unit`, and each other line one bar:
#
#   group    its label at the left; the bars of one group stand together
#   series   its colour, which the legend explains
#   value    its length, above 0, and the number at its end
#   low,high the ends of its error bar; both may be empty: none
#   unit     each unit has a panel with an axis of its own, titled with it
#
# Everything keeps the order in which it comes first. A field may stand in quotes, as in
# RFC 4180. What may be said by -v:
#
#   title     above everything
#   subtitle  under it, smaller; \n begins a new line, and long lines are broken
#   axis      the title of the axis, instead of the unit, when there is one panel
#   errors    what the error bars are, for the legend: "p25 to p75"
#   series    names of series with | between them: these come first, in this order
#   colours   colours of the series, with | between them
#   width     of the page, in pixels: 960
#
# A mistake is one line on stderr, nothing on stdout, and exit code 2. It needs no
# awk in particular; awk counts bytes, so labels other than ASCII have too much room.

function complain(text) {
    print "plot: " (FILENAME == "" ? "stdin" : FILENAME) (FNR ? ": line " FNR : "") ": " text > "/dev/stderr"
    failed = 1
    exit 2
}

function is_number(text) {
    return text ~ /^[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?$/ && text + 0 > 0
}
function log10(x) { return log(x) / log(10) }
function floor(x) { return int(x) > x ? int(x) - 1 : int(x) }
function ceil(x) { return -floor(-x) }
function text_width(text, size) { return length(text) * size * 0.58 }
function escape(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    gsub(/"/, "\\&quot;", text)
    return text
}
# The number of a name, given when it comes first.
function number_of(name, numbers, names,    n) {
    if (!(name in numbers)) {
        n = ++names[0]
        numbers[name] = n
        names[n] = name
    }
    return numbers[name]
}
# Three digits, and thousands as letters from ten of them on.
function readable(x,    k) {
    for (k = 0; x >= (k ? 999.5 : 9999.5) && k < 4; k++)
        x /= 1000
    if (x >= 99.95)
        x = sprintf("%.0f", x)
    else
        x = sprintf("%.3g", x)
    return x substr("kMGT", k, k > 0)
}

FNR == 1 {
    if ($0 != "group,series,value,low,high,unit")
        complain("the first line is not \"group,series,value,low,high,unit\"")
    names_given = split(series, given, "|")
    for (i = 1; i <= names_given; i++)
        number_of(given[i], series_numbers, series_names)
    next
}

{
    if (csv_split($0, field) != 6)
        complain("not six fields")
    if (!is_number(field[3]))
        complain("not a number above 0: \"" field[3] "\"")
    if (field[4] field[5] != "" &&
        (!is_number(field[4]) || !is_number(field[5]) || field[4] + 0 > field[5] + 0))
        complain("not an error bar: \"" field[4] "\" to \"" field[5] "\"")
    g = number_of(field[1] SUBSEP field[6], group_numbers, group_names)
    s = number_of(field[2], series_numbers, series_names)
    u = number_of(field[6], unit_numbers, unit_names)
    if ((g, s) in value)
        complain("a second bar for \"" field[1] "\", \"" field[2] "\"")
    value[g, s] = field[3] + 0
    low[g, s] = (field[4] == "" ? field[3] : field[4]) + 0
    high[g, s] = (field[5] == "" ? field[3] : field[5]) + 0
    has_error[g, s] = field[4] != ""
    label[g] = field[1]
    unit_of[g] = u
    bars[g]++
    used[s]++
    if (text_width(field[1], 13) > left)
        left = text_width(field[1], 13)
    least = value[g, s] < low[g, s] ? value[g, s] : low[g, s]
    if (!(u in bottom) || least < bottom[u])
        bottom[u] = least
    if (high[g, s] > top[u])
        top[u] = high[g, s]
}

function put(line) { page = page line "\n" }
function put_text(x, y, class, text) {
    put(sprintf("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>", x, y, class, escape(text)))
}

# Text in lines as wide as the page, broken at blanks.
function put_lines(text, class, size,    lines, n, i, words, count, k, line) {
    n = split(text, lines, "\n")
    for (i = 1; i <= n; i++) {
        count = split(lines[i], words, " ")
        line = words[1]
        for (k = 2; k <= count; k++)
            if (text_width(line " " words[k], size) > width - 2 * MARGIN) {
                put_text(MARGIN, y += size * 1.4, class, line)
                line = words[k]
            } else {
                line = line " " words[k]
            }
        put_text(MARGIN, y += size * 1.4, class, line)
    }
}

function legend_item(text,    wide) {
    wide = 26 + text_width(text, 13)
    if (legend_x > MARGIN && legend_x + wide > width - MARGIN) {
        legend_x = MARGIN
        y += 20
    }
    put_text(legend_x + 18, y, "s", text)
    legend_x += wide + 12
    return legend_x - wide - 12
}

function put_legend(    s, at) {
    y += 26
    legend_x = MARGIN
    for (s = 1; s <= series_names[0]; s++)
        if (used[s]) {
            at = legend_item(series_names[s])
            put(sprintf("<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>",
                at, y - 10, colour[s]))
        }
    if (errors != "") {
        at = legend_item(errors)
        put_error(at, at + 13, y - 4)
    }
}

function put_error(from, to, y) {
    put(sprintf("<path class=\"e\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv6M%.1f %.1fv6\"/>",
        from, y, to, from, y - 3, to, y - 3))
}

function x_of(v, u) {
    return from_x + (log10(v) - bottom[u]) / (top[u] - bottom[u]) * (to_x - from_x)
}

# Whole decades, so that even the shortest bar has a length.
function set_scale(u) {
    bottom[u] = floor(log10(bottom[u] / 1.1))
    top[u] = ceil(log10(top[u]) - 0.000001)
    if (top[u] <= bottom[u])
        top[u] = bottom[u] + 1
}

# Lines at 1, and where there is room at 2 and 5, of each decade.
function put_grid(u, above, below,    decade, step, v, room) {
    room = (to_x - from_x) / (top[u] - bottom[u])
    for (decade = bottom[u]; decade <= top[u]; decade++)
        for (step = 1; step <= 5; step += step == 1 ? 1 : 3) {
            v = step * exp(decade * log(10))
            if (step > 1 && (room < 130 || decade == top[u]))
                continue
            put(sprintf("<path class=\"g\" d=\"M%.1f %.1fV%.1f\"/>", x_of(v, u), above, below))
            if (room >= 30 || (decade - bottom[u]) % 3 == 0) {
                put_text(x_of(v, u), above - 5, "t", readable(v))
                put_text(x_of(v, u), below + 16, "t", readable(v))
            }
        }
}

function put_bar(g, s, u,    end, end_of_error) {
    end = x_of(value[g, s], u)
    end_of_error = end
    put(sprintf("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\">",
        from_x, y, end - from_x, BAR, colour[s]))
    put(sprintf("<title>%s</title></rect>", escape(label[g] ", " series_names[s] ": " readable(value[g, s]) " (" \
            readable(low[g, s]) " to " readable(high[g, s]) ") " unit_names[u])))
    if (has_error[g, s]) {
        put_error(x_of(low[g, s], u), x_of(high[g, s], u), y + BAR / 2)
        if (x_of(high[g, s], u) > end)
            end_of_error = x_of(high[g, s], u)
    }
    put_text(end_of_error + 6, y + BAR - 3, "v", readable(value[g, s]))
    y += BAR + 2
}

function put_panel(u,    g, s, start, below) {
    set_scale(u)
    start = below = y + 34
    for (g = 1; g <= group_names[0]; g++)
        if (unit_of[g] == u)
            below += bars[g] * (BAR + 2) + GAP
    put_grid(u, start, below)
    y = start + GAP / 2
    for (g = 1; g <= group_names[0]; g++) {
        if (unit_of[g] != u)
            continue
        put_text(from_x - 8, y + bars[g] * (BAR + 2) / 2 + 3.5, "l", label[g])
        for (s = 1; s <= series_names[0]; s++)
            if ((g, s) in value)
                put_bar(g, s, u)
        y += GAP
    }
    y = below + 36
    put_text((from_x + to_x) / 2, y, "a",
        (axis != "" && unit_names[0] == 1 ? axis : unit_names[u]) " (logarithmic scale)")
    y += 8
}

function set_colours(    given, n, s) {
    if (colours == "")
        colours = "#2b6cb0|#e8871e|#8a9099|#3f9b5f|#a5479b|#c0392b|#7a5c3d|#17a2b8|" \
            "#222b36|#c9b400"
    n = split(colours, given, "|")
    for (s = 1; s <= series_names[0]; s++)
        colour[s] = given[(s - 1) % n + 1]
}

END {
    if (failed)
        exit 2
    if (group_names[0] == 0)
        complain("there is nothing to draw")
    MARGIN = 20
    BAR = 13
    GAP = 11
    if (width == "")
        width = 960
    from_x = MARGIN + left + 8
    to_x = width - MARGIN - 64 # the number at the end of the longest bar
    if (to_x - from_x < 200)
        width += 200 - (to_x - from_x) # long labels widen the page
    to_x = width - MARGIN - 64
    set_colours()
    y = 14
    if (title != "")
        put_lines(title, "h", 18)
    if (subtitle != "")
        put_lines(subtitle, "s", 13)
    put_legend()
    for (u = 1; u <= unit_names[0]; u++)
        put_panel(u)
    print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
    size = sprintf("width=\"%d\" height=\"%d\"", width, y + MARGIN)
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" %s viewBox=\"0 0 %d %d\">\n", size,
        width, y + MARGIN
    print "<style>"
    print "text { font: 13px 'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif; fill: #1c2430 }"
    print ".h { font-size: 18px; font-weight: bold } .s { fill: #414b59 }"
    print ".l { text-anchor: end } .a { text-anchor: middle } .v { font-size: 11px }"
    print ".t { text-anchor: middle; font-size: 11px; fill: #5c6675 }"
    print ".g { stroke: #dfe3e8; fill: none } .e { stroke: #1c2430; fill: none }"
    print "</style>"
    print "<rect " size " fill=\"#ffffff\"/>"
    printf "%s</svg>\n", page
}

# style.awk: what the house style asks for and clang-format cannot see.
#
# usage: awk -f style.awk FILES
function wrong(what)
{
    print FILENAME ":" FNR ": " what
    bad = 1
}

# The line without comments and without what strings say. in_comment lasts.
function code_of(line,    code, at, quote)
{
    code = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (!at)
                return code
            line = substr(line, at + 2)
            in_comment = 0
            continue
        }
        if (!match(line, /["']|\/\*|\/\//))
            return code line
        code = code substr(line, 1, RSTART - 1)
        line = substr(line, RSTART)
        quote = substr(line, 1, 1)
        if (quote != "/") {
            line = substr(line, 2)
            while (line != "" && substr(line, 1, 1) != quote)
                line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
            line = substr(line, 2)
            code = code quote quote
        } else if (substr(line, 2, 1) == "*") {
            in_comment = 1
            line = substr(line, 3)
        } else {
            wrong("a // comment")
            return code
        }
    }
    return code
}

# Is one of these functions called?
function calls(code, names)
{
    return code ~ ("(^|[^A-Za-z0-9_])(" names ")[ \t]*\\(")
}

FNR == 1 {
    in_comment = brace = free_form = 0
    runtime = FILENAME ~ /(^|\/)runtime\//
    test = FILENAME ~ /(^|\/)tests\//
    public = FILENAME ~ /(^|\/)include\//
    name = FILENAME
    sub(/^.*\//, "", name)
    if (index($0, "/* " name ": ") != 1 && FILENAME !~ /(^|\/)examples\//)
        wrong("the first line is not \"/* " name ": what it is\"")
}
FNR == 601 { wrong("more than 600 lines") }
/clang-format off/ { free_form = 1 }
/clang-format on/ { free_form = 0 }
# clang-format holds code to 88; a comment may end a little behind it.
!free_form && length($0) > 90 { wrong("longer than 90 columns") }
/[ \t]$/ { wrong("trailing space") }
/(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z]|$)/ { wrong("a promise instead of a change") }

{ code = code_of($0) }
/^\{/ { brace = FNR }
/^\}/ {
    if (brace && FNR - brace - 1 > 70)
        wrong("a function of " FNR - brace - 1 " lines")
    brace = 0
}
test && calls(code, "sleep|usleep|nanosleep|clock_nanosleep") {
    wrong("a test that sleeps: use virtual time, or wait for a message")
}
runtime && FILENAME !~ /mem\/alloc\./ && calls(code, "malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup") {
    wrong("the heap outside mem/alloc")
}
runtime && FILENAME !~ /base\/atomic\./ && code ~ /memory_order_|__sync_|__atomic_|ck_pr_/ {
    wrong("a raw atomic outside base/atomic")
}
runtime && FILENAME !~ /base\/(atomic|cc)\./ && code !~ /asm/ && code ~ /(^|[^A-Za-z0-9_])volatile([^A-Za-z0-9_]|$)/ {
    wrong("volatile: use base/atomic")
}
runtime && FILENAME !~ /(system\/config|base\/log)\./ && calls(code, "getenv|secure_getenv") {
    wrong("the environment outside system/config")
}
public && /^#define cadre_[a-z_]+\(/ && ++sugar > 10 {
    wrong("more than ten macros of sugar in the public headers")
}
END { exit bad }

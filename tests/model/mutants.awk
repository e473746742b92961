# mutants.awk: makes the sources of a model, and of each of its mutants.
#
# usage: awk -v runtime=DIR -v out=DIR -f mutants.awk test_NAME.mutants
#
# The file says what the model links, with which constants, and which faults it must
# notice. Files are named as below runtime/; text is given line by line:
#
#   source FILE            one more .c file of the runtime
#   shrink FILE            a smaller constant, for the model and all mutants
#   mutant FILE            a fault that the model must notice
#   equivalent FILE        a change that breaks nothing, and the proof
#     - old text           what stands there; exactly once, indentation included
#     + new text           what comes in its place; none: it is left out
#     ! why                what goes wrong then
#     # number             the old text stands there more than once: this one is meant
#     @ name               only tests with this in their name need to be run
#   also FILE              one more change of the same mutant
#
# Writes out/0 for the model, out/1 .. for the mutants: the files that differ from the
# runtime's, or from the model's; `about` with kind, line, test and reason; `changed` with
# the names of those files; in out/0 `sources` with the .c files. Prints each directory. Text that does not stand there is an error: a list of
# mutants that no longer fits is repaired, not skipped.

function stop(what)
{
    printf "%s:%d: %s\n", FILENAME, FNR, what > "/dev/stderr"
    bad = 1
    exit 1
}

function text_of(file,    text, line, status)
{
    if (file in current)
        return current[file]
    if (file in base)
        return base[file]
    text = ""
    while ((status = (getline line < (runtime "/" file))) > 0)
        text = text line "\n"
    close(runtime "/" file)
    if (status < 0)
        stop("there is no " runtime "/" file)
    return base[file] = text
}

function position(text, old, number,    at, from, n)
{
    from = 1
    n = 0
    while ((at = index(substr(text, from), old)) > 0) {
        hits[++n] = from + at - 1
        from += at + length(old) - 1
    }
    if (n == 0)
        stop("the old text does not stand in " file ":\n" old)
    if (n > 1 && !number)
        stop("the old text stands in " file " " n " times; say which with #:\n" old)
    if (number > n)
        stop("the old text stands in " file " only " n " times:\n" old)
    return hits[number ? number : 1]
}

# Ends the change under way.
function apply(    text, at)
{
    if (kind == "")
        return
    if (old == "")
        stop("a change needs old text")
    text = text_of(file)
    at = position(text, old, number)
    text = substr(text, 1, at - 1) new substr(text, at + length(old))
    if (kind == "shrink")
        base[file] = text
    else
        current[file] = text
    old = new = number = kind = ""
}

# Kept until the end: one call then makes all folders.
function write_file(dir, file, text,    folder)
{
    paths[++files] = dir "/" file
    texts[files] = text
    folder = paths[files]
    sub(/\/[^\/]*$/, "", folder)
    folders[folder] = 1
}

function write_all(    all, f, i)
{
    for (f in folders)
        all = all " '" f "'"
    if (system("mkdir -p" all) != 0)
        stop("no folders" all)
    for (i = 1; i <= files; i++) {
        printf "%s", texts[i] > paths[i]
        close(paths[i])
    }
}

# Ends a build.
function emit(    dir, f)
{
    if (what == "" || bad)
        return
    if (what != "model" && why == "")
        stop("a mutant needs a reason")
    dir = out "/" builds++
    changed = ""
    if (what == "model") {
        for (f in shrunk)
            write_file(dir, f, base[f])
        write_file(dir, "sources", sources)
    }
    for (f in current) {
        write_file(dir, f, current[f])
        changed = changed f "\n"
        delete current[f]
    }
    write_file(dir, "about", what "\n" where "\n" test "\n" why "\n")
    write_file(dir, "changed", changed)
    print dir
    what = why = test = ""
}

BEGIN { builds = 0; what = "model"; where = "-" }
/^[ \t]*$/ || /^# / || /^#$/ { next }
/^(source|shrink|mutant|equivalent|also) / {
    apply()
    if ($1 == "shrink" && builds)
        stop("shrink comes before the mutants")
    if ($1 == "mutant" || $1 == "equivalent") {
        emit()
        what = $1
        where = $2 ":" FNR
    }
    if ($1 == "shrink")
        shrunk[$2] = 1
    if ($1 == "source")
        sources = sources $2 "\n"
    else {
        kind = $1
        file = $2
    }
    next
}
{
    mark = $0
    sub(/^[ \t]*/, "", mark)
    rest = substr(mark, 3)
    mark = substr(mark, 1, 1)
}
mark == "-" { old = old (old == "" ? "" : "\n") rest; next }
mark == "+" { new = new (new == "" ? "" : "\n") rest; next }
mark == "!" { why = why (why == "" ? "" : " ") rest; next }
mark == "#" { number = rest + 0; next }
mark == "@" { test = rest; next }
{ stop("not understood: " $0) }
END {
    if (!bad) {
        apply()
        emit()
        write_all()
    }
    exit bad
}

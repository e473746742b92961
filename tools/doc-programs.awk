# doc-programs.awk: takes the programs out of the documents.
#
# usage: awk -v folder=DIR -f doc-programs.awk README.md docs/*.md
#
# Each block that begins with ```c and holds a main is written to DIR/DOCUMENT.LINE.c; the
# names are printed.
FNR == 1 { open = 0 }
/^```/ && open {
    open = 0
    if (is_c && text ~ /(^|\n)int main\(/) {
        program = folder "/" document "." line ".c"
        printf "%s", text > program
        close(program)
        print program
    }
    next
}
/^```/ {
    open = 1
    is_c = $1 == "```c"
    line = FNR
    text = ""
    document = FILENAME
    gsub(/\//, "-", document)
    sub(/\.md$/, "", document)
    next
}
open { text = text $0 "\n" }

/* symbol.c: the function at an address, from the files that this process has mapped.
 *
 * What a file says is not to be trusted: every size is checked, and every read may come
 * back short, which ends the search. */
#include "base/symbol.h"

#include "base/text.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SHOWN = 256, NAME_SHOWN = 96, MAPS_CHUNK = 512, SYMBOLS_AT_A_TIME = 64 };

/* ---- /proc/self/maps ---- */

struct place {
    uint64_t offset; /* in the file */
    char path[PATH_SHOWN];
};

/* A file, byte by byte. */
struct reader {
    int fd;
    size_t at, count;
    char chunk[MAPS_CHUNK];
};

/* -1 at its end. */
static int next_byte(struct reader *r)
{
    if (r->at == r->count) {
        ssize_t n = read(r->fd, r->chunk, sizeof r->chunk);
        r->at = 0;
        r->count = n > 0 ? (size_t)n : 0;
    }
    return r->at < r->count ? (unsigned char)r->chunk[r->at++] : -1;
}

/* A hexadecimal number; *c is what comes behind it. */
static uint64_t next_hex(struct reader *r, int *c)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t n = 0;
    const char *digit;
    while ((*c = next_byte(r)) > 0 && (digit = strchr(digits, *c)))
        n = n * 16 + (uint64_t)(digit - digits);
    return n;
}

static void skip_word(struct reader *r)
{
    int c;
    do
        c = next_byte(r);
    while (c > ' ');
}

/* start-end perms offset device inode path */
static bool next_place(struct reader *r, uint64_t *start, uint64_t *end,
                       struct place *p)
{
    int c;
    size_t n = 0;
    *start = next_hex(r, &c);
    if (c != '-')
        return false;
    *end = next_hex(r, &c);
    skip_word(r);
    p->offset = next_hex(r, &c);
    skip_word(r);
    do
        c = next_byte(r);
    while (c >= '0' && c <= '9');
    while (c == ' ')
        c = next_byte(r);
    for (; c >= 0 && c != '\n'; c = next_byte(r))
        if (n < sizeof p->path - 1)
            p->path[n++] = (char)(c < ' ' || c > '~' ? '?' : c);
    p->path[n] = '\0';
    return true;
}

/* False: in none. */
static bool find_place(struct place *place, uint64_t address)
{
    uint64_t start, end;
    bool found = false;
    struct reader r = {.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    if (r.fd < 0)
        return false;
    while (!found && next_place(&r, &start, &end, place))
        found = address >= start && address < end;
    close(r.fd);
    if (found)
        place->offset += address - start;
    return found && place->path[0];
}

/* ---- the file ---- */

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

static bool read_header(int fd, ElfW(Ehdr) * h)
{
    return read_at(fd, h, sizeof *h, 0) && memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 &&
           h->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
           h->e_phentsize == sizeof(ElfW(Phdr)) && h->e_shentsize == sizeof(ElfW(Shdr));
}

/* The address that the linker gave to what stands at this offset. */
static bool address_in_file(int fd, const ElfW(Ehdr) * h, uint64_t *address,
                            uint64_t offset)
{
    ElfW(Phdr) p;
    for (unsigned i = 0; i < h->e_phnum; i++)
        if (!read_at(fd, &p, sizeof p, h->e_phoff + i * sizeof p)) {
            return false;
        } else if (p.p_type == PT_LOAD && offset >= p.p_offset &&
                   offset - p.p_offset < p.p_filesz) {
            *address = offset - p.p_offset + p.p_vaddr;
            return true;
        }
    return false;
}

static bool read_section(int fd, const ElfW(Ehdr) * h, ElfW(Shdr) * s, unsigned i)
{
    return i < h->e_shnum && read_at(fd, s, sizeof *s, h->e_shoff + i * sizeof *s);
}

/* The whole table, else the one for the dynamic linker. */
static bool find_table(int fd, const ElfW(Ehdr) * h, ElfW(Shdr) * table)
{
    ElfW(Shdr) s;
    bool found = false;
    for (unsigned i = 0; read_section(fd, h, &s, i); i++)
        if ((s.sh_type == SHT_SYMTAB || (s.sh_type == SHT_DYNSYM && !found)) &&
            s.sh_entsize == sizeof(ElfW(Sym))) {
            *table = s;
            found = true;
            if (s.sh_type == SHT_SYMTAB)
                break;
        }
    return found;
}

static bool covers(const ElfW(Sym) * s, uint64_t address)
{
    return (s->st_info & 15) == STT_FUNC && s->st_shndx != SHN_UNDEF &&
           address >= s->st_value && address - s->st_value < s->st_size;
}

static bool find_symbol(int fd, const ElfW(Shdr) * table, ElfW(Sym) * symbol,
                        uint64_t address)
{
    ElfW(Sym) some[SYMBOLS_AT_A_TIME];
    for (uint64_t at = 0; at < table->sh_size; at += sizeof some) {
        uint64_t left = table->sh_size - at;
        size_t size = left < sizeof some ? (size_t)left : sizeof some;
        if (!read_at(fd, some, size, table->sh_offset + at))
            return false;
        for (size_t i = 0; i < size / sizeof some[0]; i++)
            if (covers(&some[i], address)) {
                *symbol = some[i];
                return true;
            }
    }
    return false;
}

static bool read_name(int fd, const ElfW(Ehdr) * h, const ElfW(Shdr) * table,
                      const ElfW(Sym) * symbol, char name[NAME_SHOWN])
{
    ElfW(Shdr) strings;
    if (!read_section(fd, h, &strings, table->sh_link) ||
        symbol->st_name >= strings.sh_size)
        return false;
    ssize_t n =
        pread(fd, name, NAME_SHOWN - 1, (off_t)(strings.sh_offset + symbol->st_name));
    if (n <= 0)
        return false;
    name[n] = '\0';
    for (char *c = name; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return name[0] != '\0';
}

/* name+0x12, when there is one. */
static bool put_name(struct text *t, int fd, const ElfW(Ehdr) * h, uint64_t address)
{
    ElfW(Shdr) table;
    ElfW(Sym) symbol;
    char name[NAME_SHOWN];
    if (!find_table(fd, h, &table) || !find_symbol(fd, &table, &symbol, address) ||
        !read_name(fd, h, &table, &symbol, name))
        return false;
    text_put(t, name);
    text_put(t, "+");
    text_hex(t, address - symbol.st_value);
    return true;
}

/* ---- both ---- */

static void describe_place(struct text *t, const struct place *place)
{
    ElfW(Ehdr) header;
    uint64_t address = place->offset;
    int fd = open(place->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool named = fd >= 0 && read_header(fd, &header) &&
                 address_in_file(fd, &header, &address, place->offset) &&
                 put_name(t, fd, &header, address);
    if (fd >= 0)
        close(fd);
    text_put(t, named ? " (" : "(");
    text_put(t, place->path);
    if (!named) {
        text_put(t, "+");
        text_hex(t, address);
    }
    text_put(t, ")");
}

void symbol_describe(char *room, size_t size, const void *address)
{
    int saved = errno;
    struct place place;
    struct text t = text_begin(room, size);
    if (find_place(&place, (uintptr_t)address))
        describe_place(&t, &place);
    else
        text_hex(&t, (uintptr_t)address);
    errno = saved;
}

/* ledger.c: the file of a journal: opened, read, written and closed, by calls that block.
 *
 * A record of ours has its size in front, a CRC-32 of that, and one of the record, each
 * of four bytes, big-endian: so a size that is damaged does not make what is behind it
 * look as if it had been cut off. Zeros, which a file system may leave at the end of a
 * file, are no record: what cannot be read is looked at again without them, and if it is
 * not whole then, it was being written. */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 16, HEAD = 12, RECORD_MAX = 1 << 30 };

/* ---- records ----------------------------------------------------------------------- */

static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    static const uint32_t of_nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = of_nibble[crc & 15] ^ crc >> 4;
        crc = of_nibble[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

static uint32_t number_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_number(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
}

static int64_t measure_sealed(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    framing->head = HEAD;
    if (size < HEAD)
        return 0;
    bool good = number_at(bytes + 4) == checksum(bytes, 4);
    return good ? (int64_t)number_at(bytes) + HEAD : -EBADMSG;
}

void ledger_seal(const cadre_journal *journal, struct text *text, cadre_buf *record)
{
    const uint8_t *bytes = cadre_buf_data(record);
    size_t size = cadre_buf_size(record);
    uint8_t head[HEAD];
    if (journal->sealed) {
        put_number(head, (uint32_t)size);
        put_number(head + 4, checksum(head, 4));
        put_number(head + 8, checksum(bytes, size));
        text_add(text, head, HEAD);
    }
    text_add(text, bytes, size);
}

bool ledger_takes(const cadre_journal *journal, size_t size)
{
    return size > 0 && (size <= RECORD_MAX || !journal->sealed);
}

/* ---- reading ----------------------------------------------------------------------- */

static int64_t size_of(const cadre_journal *journal)
{
    struct stat stat;
    return fstat(journal->fd, &stat) ? -errno : stat.st_size;
}

struct reading {
    const cadre_journal *journal;
    cadre_framing framing;
    int64_t at;      /* read so far */
    int64_t until;   /* no more than that; 0: all */
    bool is_torn;    /* the last record is damaged, so it is not whole */
    bool is_bad;     /* what comes is no record */
    bool only_looks; /* whether there is a whole one, which ends it */
    cadre_journal_each *each;
    void *arg;
};

/* Where the last record that is whole has ended. */
static int64_t end_of(const struct reading *in)
{
    return in->at - (int64_t)cadre_framing_left(&in->framing);
}

/* 1: it is handed on; or a negative code. */
static int take(struct reading *in, const cadre_frame *frame)
{
    const cadre_journal *journal = in->journal;
    if (in->only_looks)
        return -EBADMSG;
    if (journal->sealed &&
        number_at(frame->bytes - 4) != checksum(frame->bytes, frame->size)) {
        in->is_torn = end_of(in) == size_of(journal);
        in->is_bad = true;
        in->at -= (int64_t)frame->size + HEAD;
        return -EBADMSG;
    }
    int err = in->each ? in->each(in->arg, frame->bytes, frame->size) : 0;
    return err < 0 ? err : 1;
}

/* Those records that are whole now. */
static int take_all(struct reading *in)
{
    cadre_frame frame;
    int more = 1;
    while (more > 0) {
        more = cadre_framing_next(&in->framing, &frame);
        in->is_bad = more < 0 && more != -ENOMEM;
        if (more <= 0)
            break;
        more = take(in, &frame);
    }
    return more;
}

static int read_more(struct reading *in, uint8_t *bytes)
{
    size_t size = READ_SIZE;
    if (in->until && in->until - in->at < READ_SIZE)
        size = (size_t)(in->until - in->at);
    ssize_t got = pread(in->journal->fd, bytes, size, in->at);
    if (got <= 0)
        return got < 0 && errno != EINTR ? -errno : got < 0;
    in->at += got;
    cadre_buf *buf = cadre_buf_new(bytes, (size_t)got);
    int err = buf ? cadre_framing_put(&in->framing, buf) : -ENOMEM;
    if (!err)
        err = take_all(in);
    return err ? err : 1;
}

static int read_all(struct reading *in)
{
    uint8_t *bytes = malloc(READ_SIZE);
    int more = bytes ? 1 : -ENOMEM;
    in->framing = in->journal->framing;
    while (more > 0)
        more = read_more(in, bytes);
    in->at = end_of(in);
    cadre_framing_clear(&in->framing);
    free(bytes);
    return more;
}

/* Where the zeros begin that end the file, if they begin behind that. Or -errno. */
static int64_t zeros_at(const cadre_journal *journal, int64_t at)
{
    uint8_t bytes[4096];
    int64_t zeros = at;
    ssize_t got;
    while ((got = pread(journal->fd, bytes, sizeof bytes, at)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            if (bytes[i])
                zeros = at + i + 1;
        at += got;
    }
    return got < 0 ? -errno : zeros;
}

/* What cannot be read, from there on: is it the beginning of a record, and then zeros? */
static bool is_torn_at(const cadre_journal *journal, int64_t at)
{
    int64_t zeros = zeros_at(journal, at);
    struct reading in = {
        .journal = journal, .at = at, .until = zeros, .only_looks = true};
    return zeros == at || (zeros > at && read_all(&in) == 0);
}

/* All that is whole. */
static int read_whole(struct reading *in)
{
    int err = read_all(in);
    bool is_torn = in->is_torn || (in->is_bad && is_torn_at(in->journal, in->at));
    return is_torn ? 0 : err;
}

int cadre_journal_read(const cadre_journal *journal, cadre_journal_each *each,
                       void *arg)
{
    struct reading in = {.journal = journal, .each = each, .arg = arg};
    return journal ? read_whole(&in) : -EINVAL;
}

/* ---- opening ----------------------------------------------------------------------- */

/* A file of which the folder knows when this has returned. */
static int open_file(cadre_journal *journal)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(journal->path, '/');
    size_t size = slash ? (size_t)(slash - journal->path) + 1 : 2;
    if (size >= sizeof folder)
        return -ENAMETOOLONG;
    memcpy(folder, slash ? journal->path : "./", size);
    folder[size] = '\0';
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return -errno;
    journal->fd = openat(at, slash ? slash + 1 : journal->path,
                         O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);
    int err = journal->fd < 0 || fsync(at) ? -errno : 0;
    close(at);
    return err;
}

static int lock_file(const cadre_journal *journal)
{
    struct stat stat;
    if (fstat(journal->fd, &stat))
        return -errno;
    if (!S_ISREG(stat.st_mode))
        return -ENOTSUP;
    return flock(journal->fd, LOCK_EX | LOCK_NB) ? -errno : 0;
}

static int read_file(cadre_journal *journal, const cadre_journal_options *options)
{
    struct reading in = {
        .journal = journal, .each = options->each, .arg = options->arg};
    int err = read_whole(&in);
    int64_t size = size_of(journal);
    if (err || size < 0)
        return err ? err : (int)size;
    journal->cut = (uint64_t)(size - in.at);
    if (journal->cut && (ftruncate(journal->fd, in.at) || fsync(journal->fd)))
        return -errno;
    return 0;
}

static void free_journal(cadre_journal *journal)
{
    if (journal->fd >= 0)
        close(journal->fd);
    pthread_mutex_destroy(&journal->file);
    free(journal);
}

int cadre_journal_open(cadre_journal **journal, const char *path,
                       const cadre_journal_options *options)
{
    static const cadre_journal_options usual;
    const cadre_journal_options *o = options ? options : &usual;
    if (!journal || !path || !*path || o->fsync < CADRE_FSYNC_ALWAYS ||
        o->fsync > CADRE_FSYNC_NO || o->reserved[0] || o->reserved[1])
        return -EINVAL;
    size_t size = strlen(path) + 1;
    cadre_journal *it = calloc(1, sizeof *it + size);
    if (!it)
        return -ENOMEM;
    memcpy(it->path, path, size);
    it->fd = -1;
    it->fsync = o->fsync;
    it->sealed = !o->framing.measure;
    it->framing = o->framing;
    if (it->sealed)
        it->framing = (cadre_framing){.measure = measure_sealed, .max = RECORD_MAX};
    pthread_mutex_init(&it->file, NULL);
    int err = open_file(it);
    if (!err)
        err = lock_file(it);
    if (!err)
        err = read_file(it, o);
    if (err)
        free_journal(it);
    else
        *journal = it;
    return err;
}

uint64_t cadre_journal_cut(const cadre_journal *journal)
{
    return journal ? journal->cut : 0;
}

int cadre_journal_close(cadre_journal *journal)
{
    int broken = journal ? journal->broken : 0;
    if (journal)
        free_journal(journal);
    return broken;
}

/* ---- writing ----------------------------------------------------------------------- */

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int write_once(cadre_journal *journal, uint64_t number,
                      const struct piece *piece)
{
    if (journal->broken || number <= journal->written)
        return journal->broken;
    journal->written = number;
    int err = write_all(journal->fd, piece->bytes, piece->size);
    if (!err && piece->sync && fdatasync(journal->fd))
        err = -errno;
    return journal->broken = err;
}

int ledger_write(cadre_journal *journal, uint64_t number, struct piece piece)
{
    pthread_mutex_lock(&journal->file);
    int err = write_once(journal, number, &piece);
    pthread_mutex_unlock(&journal->file);
    return err;
}

uint64_t ledger_written(cadre_journal *journal, uint64_t *end)
{
    pthread_mutex_lock(&journal->file);
    uint64_t number = journal->written;
    int64_t size = size_of(journal);
    pthread_mutex_unlock(&journal->file);
    *end = size > 0 ? (uint64_t)size : 0;
    return number;
}

/* ---- words ------------------------------------------------------------------------- */

int cadre_fsync_named(const char *name)
{
    static const char *const names[] = {"always", "everysec", "no"};
    for (int i = CADRE_FSYNC_ALWAYS; name && i <= CADRE_FSYNC_NO; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

const char *cadre_journal_why(int err)
{
    static const struct {
        int code;
        const char *text;
    } words[] = {
        {-EAGAIN, "another program has it open: end that one first"},
        {-EBADMSG, "it is damaged, or no journal: look at it, or move it away"},
        {-EPROTO, "it is damaged, or another program's: look at it, or move it away"},
        {-ENOENT, "No such file or directory: make its folder first"},
        {-EISDIR, "Is a directory: name a file"},
        {-ENOTSUP, "it is no regular file: name one"},
        {-EACCES, "Permission denied: give this user the right to write there"},
        {-ENOSPC, "No space left on device: free some there, and start again"},
        {-EDQUOT, "Disk quota exceeded: free some space there, and start again"},
        {-EFBIG, "File too large: raise the limit, and start again"},
        {-EIO, "Input/output error: look after the device, and start again"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].code == err)
            return words[i].text;
    return cadre_strerror(err);
}

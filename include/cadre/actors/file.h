/* file.h: files and directories: what is done to them by path, and open ones as actors.
 *
 * By path, from any actor: each call is an operation (ask.h) whose outcome is one
 * message. It runs on a thread of CADRE_POOL_FILES (offload.h), so nothing here holds up
 * a worker, and name look-ups that hang (resolve.h) hold up no file. Whoever gives up, by
 * its timeout or cadre_cancel(), gets no result; what has begun goes on and may be done.
 *
 * An open file is an actor, cadre_file_class, with requests for its parts. It owns the
 * descriptor, which is closed when it has ended and the last call on it has returned.
 * Reads go on side by side; whatever changes the file is done in the order in which it
 * came, what waits all in one call with one sync: who asks for a sync while another one
 * runs shares the next with all the others.
 *
 * A large file is read in pieces: ask for the next (cadre_file_read_at) when one has been
 * dealt with, or for a few ahead. Who is slow asks late, and is not flooded; see
 * docs/files.md and examples/files.c.
 *
 * What fails comes as a cadre_failure: its code is the system's, its message the remedy;
 * cadre_failure_text() (words.h) adds what was done to which path. A write of which a
 * part is in the file must not be done again as it was: so it is no failure, but a
 * cadre_file_written that says how much, and why not all.
 *
 * Made files get the mode 0666 and directories 0777, less the umask. Relative paths begin
 * at the working directory. Files are regular ones, and devices that do not block, which
 * are not replaced; others are refused with -ENOTSUP. In a simulation the file system is
 * the real one: a run can be replayed if it finds the same files.
 *
 * Guarantees, each with a test of that name:
 *   one_outcome          see ask.h
 *   write_is_atomic      who opens the path meanwhile, or after a crash, has the whole
 *                        old file or the whole new one; a write that fails leaves the
 *                        old, or, if only the sync of the directory failed, the new. So
 *                        it is with make_directory, remove and rename
 *   done_is_durable      when a write, a durable append, make_directory, remove or rename
 *                        has its outcome, it is on the device: the file and its name
 *   failure_has_remedy   as above
 *   descriptors_are_closed  whatever fails or ends meanwhile; none passes an exec
 * of the actor:
 *   reads_go_on          beside each other, and beside writes and syncs
 *   changes_in_order     each of them once; an append is all in the file, or, if it can
 *                        be taken back, not at all
 *   sync_means_it        a status that answers a sync: all that was answered as written
 *                        before the sync came is on the device. After a sync that failed,
 *                        or a write with -EIO, nothing is ever again said to be
 *   syncs_are_shared     as above
 *   within_bounds        no more than `waiting` requests and `bytes` are kept
 *   closed_after_the_last_call  as above: no call meets a descriptor of somebody else */
#ifndef CADRE_ACTORS_FILE_H
#define CADRE_ACTORS_FILE_H
#include <cadre/actors/words.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- outcomes and answers -------------------------------------------------------- */

/* Bytes of a file, from this offset on. Move `bytes` out to keep them. */
typedef struct cadre_file_data {
    uint64_t offset;
    cadre_buf *bytes; /* of part of a file: fewer than asked for only at its end */
} cadre_file_data;
CADRE_API extern const cadre_type cadre_file_data_type;

/* So many bytes are in the file, from this offset on. */
typedef struct cadre_file_written {
    uint64_t offset, bytes;
    int code; /* why not all of them, or not durably; 0: they are */
} cadre_file_written;
CADRE_API extern const cadre_type cadre_file_written_type;

enum cadre_file_kind {
    CADRE_KIND_OTHER,
    CADRE_KIND_FILE,
    CADRE_KIND_DIRECTORY,
    CADRE_KIND_LINK /* in a list; elsewhere links are followed */
};

typedef struct cadre_file_status {
    uint64_t size;
    cadre_time modified; /* nanoseconds since 1970, UTC */
    uint32_t mode;       /* permissions, as chmod() takes them */
    int kind;
} cadre_file_status;
CADRE_API extern const cadre_type cadre_file_status_type;

/* A descriptor, open for reading and closed on exec, and no standard one: move it out by
 * setting it to -1, or it is closed with the message. */
typedef struct cadre_file_opened {
    int fd;
    cadre_file_status status;
} cadre_file_opened;
CADRE_API extern const cadre_type cadre_file_opened_type;

/* What is in a directory, without . and .., in the order of strcmp(). */
typedef struct cadre_file_entry {
    const char *name;
    int kind;
} cadre_file_entry;
typedef struct cadre_file_names {
    uint32_t count;
    cadre_buf *entries; /* see cadre_file_entries() */
} cadre_file_names;
CADRE_API extern const cadre_type cadre_file_names_type;
/* An array of `count`, valid as long as the buffer. */
static inline const cadre_file_entry *cadre_file_entries(const cadre_file_names *names)
{
    return (const cadre_file_entry *)(const void *)cadre_buf_data(names->entries);
}

typedef struct cadre_file_done {
    int none;
} cadre_file_done;
CADRE_API extern const cadre_type cadre_file_done_type;

/* ---- by path --------------------------------------------------------------------- */

/* All of these: paths are copied, *token is written on success and may be NULL; timeout
 * as for cadre_ask(). Errors: those of cadre_offload_as(); -EINVAL: a path is NULL. */

/* A whole file: cadre_file_data. max: bytes, more is -EFBIG; 0: 64 MiB. */
CADRE_API CADRE_MUST_CHECK int cadre_file_read(cadre_self *self, cadre_token *token,
                                               cadre_time timeout, const char *path,
                                               uint64_t max);
/* A whole file in the place of what is there, with its mode (of 0777), but yours:
 * cadre_file_done. Written beside it as .cadre-*, which a crash may leave behind, then
 * renamed: a symbolic link is replaced, not what it leads to. bytes: consumed always;
 * NULL: an empty file. */
CADRE_API CADRE_MUST_CHECK int cadre_file_write(cadre_self *self, cadre_token *token,
                                                cadre_time timeout, const char *path,
                                                cadre_buf *bytes);
/* To the end of a file, which is made if missing: cadre_file_written. Several at a time
 * have no order: an open file has. bytes: as above. */
CADRE_API CADRE_MUST_CHECK int cadre_file_append(cadre_self *self, cadre_token *token,
                                                 cadre_time timeout, const char *path,
                                                 cadre_buf *bytes, bool durable);
/* cadre_file_status. */
CADRE_API CADRE_MUST_CHECK int cadre_file_stat(cadre_self *self, cadre_token *token,
                                               cadre_time timeout, const char *path);
/* Opens a file for reading: cadre_file_opened. To read from that blocks: who has it gives
 * it away (cadre_stream_write_file()); else see cadre_file_class. */
CADRE_API CADRE_MUST_CHECK int cadre_file_open(cadre_self *self, cadre_token *token,
                                               cadre_time timeout, const char *path);
/* What is in a directory: cadre_file_names. max: more is -EFBIG; 0: 65,536. */
CADRE_API CADRE_MUST_CHECK int cadre_file_list(cadre_self *self, cadre_token *token,
                                               cadre_time timeout, const char *path,
                                               uint32_t max);
/* A directory with those above it; one that is there is fine: cadre_file_done. */
CADRE_API CADRE_MUST_CHECK int cadre_file_make_directory(cadre_self *self,
                                                         cadre_token *token,
                                                         cadre_time timeout,
                                                         const char *path);
/* A file, a link or an empty directory goes: cadre_file_done. */
CADRE_API CADRE_MUST_CHECK int cadre_file_remove(cadre_self *self, cadre_token *token,
                                                 cadre_time timeout, const char *path);
/* Within one file system; a file that is there is replaced: cadre_file_done. */
CADRE_API CADRE_MUST_CHECK int cadre_file_rename(cadre_self *self, cadre_token *token,
                                                 cadre_time timeout, const char *from,
                                                 const char *to);

/* ---- an open file ---------------------------------------------------------------- */

enum cadre_file_use {
    CADRE_FILE_READ,   /* nothing is changed */
    CADRE_FILE_UPDATE, /* it must be there */
    CADRE_FILE_MAKE,   /* made if missing */
    CADRE_FILE_NEW     /* must not be there */
};

/* Its config, which cadre_spawn() takes as init. Without a path, or with a use that is
 * none, the start fails with -EINVAL. The file is opened then; requests may come at once,
 * and wait. When it cannot be opened they fail with the reason, and so does the actor,
 * with words. What waits when the actor ends fails with CADRE_EDEAD, and is done or not:
 * to end it in order, ask for a sync first. */
typedef struct cadre_file {
    const char *path; /* copied at each start */
    int use;          /* enum cadre_file_use */
    uint32_t reads;   /* at a time, most. 0: 8, half of the threads that there are */
    uint32_t waiting; /* requests, most, those under way included. 0: 1,024 */
    uint32_t bytes; /* to be written, of those, most; but one of any size. 0: 16 MiB */
    uint64_t own[12]; /* zero; the actor's own */
} cadre_file;
CADRE_API extern const cadre_class cadre_file_class;

/* What it is asked; plain messages are not handled. One too many fails with CADRE_EFULL,
 * a change of a file for reading with -EBADF. */

/* Answered with cadre_file_data. Sees what was answered as written before it came. */
typedef struct cadre_file_read_at {
    uint64_t offset;
    uint32_t size; /* at most CADRE_FILE_READ_MAX, else -EINVAL */
} cadre_file_read_at;
CADRE_API extern const cadre_type cadre_file_read_at_type;
#define CADRE_FILE_READ_MAX (UINT32_C(64) << 20)

/* Answered with cadre_file_written. A file that others change may end elsewhere when it
 * is written to than when that was found out. */
typedef struct cadre_file_write_at {
    uint64_t offset; /* CADRE_FILE_END: an append */
    cadre_buf *bytes;
} cadre_file_write_at;
CADRE_API extern const cadre_type cadre_file_write_at_type;
#define CADRE_FILE_END UINT64_MAX

/* These are answered with cadre_file_status, after the changes that came before. */
typedef struct cadre_file_sync {
    int none;
} cadre_file_sync;
CADRE_API extern const cadre_type cadre_file_sync_type;
typedef struct cadre_file_truncate {
    uint64_t size; /* more than there is: zeros follow */
} cadre_file_truncate;
CADRE_API extern const cadre_type cadre_file_truncate_type;
typedef struct cadre_file_ask {
    int none;
} cadre_file_ask;
CADRE_API extern const cadre_type cadre_file_ask_type;

#ifdef __cplusplus
}
#endif
#endif

/* journal.h: a file to which records are appended, and which is read at the next start.
 *
 *   err = cadre_journal_open(&journal, "events", &(cadre_journal_options){
 *                                .each = apply, .arg = &state});
 *   ...
 *   err = cadre_spawn(self, &writer, &cadre_journal_writer_class,
 *                     &(cadre_journal_writer){.journal = journal});
 *   err = cadre_ask(self, NULL, writer, CADRE_NEVER, cadre_journal_append,
 *                   .record = buf);
 *
 * State that is made of events: each change is a record, told to others when it is
 * written, and all of them are applied again, in their order, when the program starts. A
 * record is any bytes. What comes while the writer writes is written together, by one
 * call on a thread of CADRE_POOL_FILES (offload.h), with one sync: so under load a sync
 * is shared by many.
 *
 * A record may say what is to be done when it is as durable as the policy says: the
 * answer, if it came as a request; or a message to any actor, which goes by way of the
 * writer: so whoever changes something need not wait, and who is told of it by that
 * message is not told before it is kept.
 *
 * When something cannot be written nothing is written behind it any more: the writer
 * fails, with words, what waits is not told, and requests fail with CADRE_EDEAD. Who
 * needs it is linked to it (watch.h). What is in the file then is kept; open it anew.
 *
 * Each record has its size and a checksum (CRC-32) in front, unless the options say how
 * records are found in the file (a framing, as for text or a protocol). A record that is
 * not whole at the end of the file was being written when the program, or the machine,
 * ended, and nobody was told that it is kept: it is cut off. So are zeros behind it, or
 * behind all, unless a framing of yours takes them for frames. What is damaged before is
 * refused.
 *
 * Guarantees, each with a test of that name:
 *   told_is_durable      with CADRE_FSYNC_ALWAYS whoever was told of a record finds it
 *                        after any crash; with the others after any end of the program in
 *                        order, and all but the last of them after another
 *   order_is_kept        records are in the file, and told, in the order they came
 *   syncs_are_shared     records that come while one is synced share the next sync
 *   torn_end_is_cut      as above
 *   damage_is_refused    as above
 *   nothing_behind_a_failure  as above
 *   one_program_at_a_time     has it open */
#ifndef CADRE_ACTORS_JOURNAL_H
#define CADRE_ACTORS_JOURNAL_H
#include <cadre/actors/framing.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

enum cadre_fsync {
    CADRE_FSYNC_ALWAYS,   /* a record is told of when it is synced */
    CADRE_FSYNC_EVERYSEC, /* at once, and written some ms later; synced once a second */
    CADRE_FSYNC_NO        /* the same; synced when the system likes */
};
/* The number of "always", "everysec" or "no"; -1: it is none of them. Any thread. */
CADRE_API int cadre_fsync_named(const char *name);

/* A record, which is valid until it returns. 0, or a negative code that ends the
 * reading. */
typedef int cadre_journal_each(void *arg, const uint8_t *record, size_t size);

/* All zero is the default. */
typedef struct cadre_journal_options {
    int fsync; /* enum cadre_fsync */
    /* How the file is cut into records. All zero: size and checksum in front, up to
     * 1 GiB each */
    cadre_framing framing;
    cadre_journal_each *each; /* gets what is there; NULL: nobody */
    void *arg;
    void *reserved[2]; /* zero, else -EINVAL */
} cadre_journal_options;

/* An open one. It belongs to whoever has opened it, and is used by a writer. */
typedef struct cadre_journal cadre_journal;

/* Opens it, for this one alone, makes it if it is missing, calls each for its records,
 * and cuts off what is not whole. Any thread; blocks. *journal is written on success.
 * options may be NULL. Errors: -EINVAL; -EAGAIN (another program, or this one, has it
 * open); -EBADMSG (it is damaged, or is no journal); -ENOTSUP (no regular file);
 * -ENOENT (its folder), -EISDIR, -EACCES and what else open() says; -EIO and the like;
 * each's, and the framing's; -ENOMEM. */
CADRE_API CADRE_MUST_CHECK int cadre_journal_open(cadre_journal **journal,
                                                  const char *path,
                                                  const cadre_journal_options *options);
/* How many bytes were cut off when it was opened; of NULL 0. Any thread. */
CADRE_API uint64_t cadre_journal_cut(const cadre_journal *journal);
/* Calls each for all that is there by now. Any thread; blocks. Errors: each's, those of
 * reading. */
CADRE_API CADRE_MUST_CHECK int cadre_journal_read(const cadre_journal *journal,
                                                  cadre_journal_each *each, void *arg);
/* Closes it; after the system that has its writer has ended. Any thread. NULL is fine.
 * Returns 0, or why not all that came could be written. */
CADRE_API int cadre_journal_close(cadre_journal *journal);
/* A code of opening, writing or closing one, in words, often with what to do. Constant.
 * Any thread. */
CADRE_API const char *cadre_journal_why(int err);

/* ---- the writer -------------------------------------------------------------------- */

/* Its config, which cadre_spawn() takes as init. One at a time for a journal; without
 * one the start fails with -EINVAL, and of one that could not be written to with the
 * reason for that: it is to be opened anew. At its end it has written and synced what
 * came. */
typedef struct cadre_journal_writer {
    cadre_journal *journal; /* as long as it lives */
    uint64_t own[24];       /* zero; the actor's own */
} cadre_journal_writer;
CADRE_API extern const cadre_class cadre_journal_writer_class;

#define CADRE_JOURNAL_BODY 56

/* Is appended; then `type` is sent to `to` with `body`, unless it refuses that. A request
 * is answered with a cadre_journal_kept besides. A record that is empty or over 1 GiB,
 * and a type that is too large, are refused: a request fails with -EMSGSIZE or -EINVAL, a
 * plain message is a dead letter. With a framing of yours the bytes are what is written,
 * with all that belongs to a frame, and there may be several. */
typedef struct cadre_journal_append {
    cadre_buf *record;
    cadre_ref to;           /* id 0: nobody */
    const cadre_type *type; /* of at most CADRE_JOURNAL_BODY bytes */
    uint64_t body[CADRE_JOURNAL_BODY / 8];
} cadre_journal_append;
CADRE_API extern const cadre_type cadre_journal_append_type;

typedef struct cadre_journal_kept {
    uint64_t end; /* of the record: that many bytes are in the file with it */
} cadre_journal_kept;
CADRE_API extern const cadre_type cadre_journal_kept_type;

/* Sends one, with a copy of that body. Takes the record and what the body owns, also when
 * it fails. type NULL: nobody is told. Errors: as cadre_send_as(); -EINVAL (the type is
 * too large). */
CADRE_API CADRE_MUST_CHECK int cadre_journal_send(cadre_self *self, cadre_ref writer,
                                                  cadre_buf *record, cadre_ref to,
                                                  const cadre_type *type,
                                                  const void *body);

#ifdef __cplusplus
}
#endif
#endif

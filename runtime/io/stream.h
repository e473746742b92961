/* stream.h: a connection, its loop's side, and what both sides share.
 *
 *   field                    written by                read by
 *   slots                    as their places (spsc.h) say: the loop, the owner's turn
 *   handled, window, forgives
 *                            the owner's turn          the loop
 *   written (pieces)         the owner's turn          the loop
 *   sent, reason, addresses  the loop, before NEWS     the owner's turn
 *   mark, close_ms, fault, greet_ms
 *                            the owner, before the command   the loop */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "io/address.h"
#include "io/filter.h"
#include "io/gate.h"
#include "io/local.h"
#include "io/outgoing.h"
#include "io/pump.h"
#include "io/shard.h"
#include "queue/spsc.h"

enum {
    NEWS_OPENED = 1,
    NEWS_DATA = 2,
    NEWS_ENDED = 4,
    NEWS_WROTE = 8,
    NEWS_READY = 16, /* of the filter; the owner's side's own */
    NEWS_RELEASED = 32
};
enum {
    STREAM_WRITE = HANDLE_FIRST,       /* there are pieces */
    STREAM_CREDIT = HANDLE_FIRST << 1, /* there may be room in the window */
    STREAM_MARK = HANDLE_FIRST << 2,
    STREAM_SHUTDOWN = HANDLE_FIRST << 3,
    STREAM_CLOSE = HANDLE_FIRST << 4,
    STREAM_ABORT = HANDLE_FIRST << 5,
    STREAM_TAKEN = HANDLE_FIRST << 6,     /* accepted, and its owner has been told */
    STREAM_NO_MEMORY = HANDLE_FIRST << 7, /* to tell the owner what came */
    STREAM_LOOK = HANDLE_FIRST << 8,      /* is anybody at the other end of the pipe? */
    /* Of a filter: it greets, it has, and STREAM_CLOSE comes when it has. */
    STREAM_GREETS = HANDLE_FIRST << 9,
    STREAM_READY = HANDLE_FIRST << 10,
    STREAM_CLOSES_THEN = HANDLE_FIRST << 11,
    STREAM_MOVED = HANDLE_FIRST << 12, /* by the pump */
    STREAM_RELEASE = HANDLE_FIRST << 13
};
enum { STREAM_SLOTS = 16 }; /* buffers read ahead */

struct stream {
    struct handle h;
    /* Constant. */
    uint64_t write_max, idle_ms;
    bool half_open, delay;
    bool is_local;            /* a UNIX socket, or what is used as one, ... */
    bool is_plain;            /* ... that is none, and so cannot tell of its end, ... */
    bool is_read, is_written; /* ... and may be just one of these */
    bool restores;            /* it blocks again when it is closed */
    int terminal;             /* a descriptor of it for the owner's turn; or -1 */
    struct parcels *parcels;  /* descriptors go with its bytes; or NULL */
    struct pump *pump;        /* of a file, which has no uv handle; or NULL */
    uint64_t via;             /* the listener that has accepted it, or 0 */
    int fd; /* what was accepted, or connects, until it is open; else -1 */
    /* The owner's turn's. */
    uint64_t given;   /* bytes written */
    uint64_t in_hand; /* bytes of the message that is handled */
    uint64_t since;   /* bytes handled that the loop was not told of, ... */
    uint32_t freed;   /* ... and slots */
    bool no_more;     /* shut down, ... */
    bool closing;     /* ... closed */
    bool known;       /* it was told of, so the addresses are there */
    bool untaken;     /* accepted, and the listener waits to hear that it was told of */
    struct filter *filter; /* io/filter; or NULL */
    cadre_tls *tls;        /* what the filter is of; a reference, or NULL */
    const char *protocols; /* ALPN: see filter_class.make */
    bool releases;         /* its descriptor is to be given out, ... */
    bool unreleased;       /* ... and could not be told of */
    bool is_raw;           /* the terminal, ... */
    uint32_t rawness;      /* ... by this place */
    /* Of both: see above. */
    ATOMIC(uint64_t) sent, mark, handled;
    ATOMIC(uint32_t) window;
    ATOMIC(int) reason;
    ATOMIC(bool) forgives; /* a peer that has closed before it took our end */
    int released;          /* the loop's, before NEWS_RELEASED; or -1 */
    uint64_t close_ms;     /* constant from STREAM_CLOSE on, ... */
    int fault;             /* ... and the reason that the filter has for it, or 0 */
    uint64_t greet_ms;
    uint64_t connect_ms;
    union {
        struct {
            union address local, peer;
        };
        struct local path; /* is_local: where it connects to, ... */
        struct ucred who;  /* ... and whom it has found */
    };
    struct inbox written;
    struct spsc places; /* of the slots */
    cadre_buf *slots[STREAM_SLOTS];
    /* The loop's. */
    struct gate *gate; /* counts it; or NULL */
    bool is_taken;
    uint64_t received, told; /* bytes; the mark that was told of */
    /* uv_now; 0: none. close_at: the deadline that counts once it is connected. */
    uint64_t active, deadline, close_at;
    uint64_t retry_at; /* when it is to try to connect again, ... */
    uint64_t look_at;  /* ... or to look who reads what is written */
    struct outgoing outgoing;
    size_t asked; /* bytes of the write that is under way */
    bool connected, reading, eof, writing, shuts_down, did_shut_down, ending;
    bool greets;  /* the owner's filter does, with its peer's */
    bool closes;  /* when all is sent; what is read is dropped */
    bool lingers; /* all is sent; the peer's end is waited for */
    uint8_t open; /* uv handles */
    bool has_timer;
    union {
        uv_stream_t any;
        uv_tcp_t tcp;
        uv_pipe_t pipe; /* is_local */
    } uv;
    uv_timer_t timer;
    union {
        uv_connect_t connect;
        uv_shutdown_t shutdown;
    };
    uv_write_t write;
};

/* A stream that is not open yet; options were checked. Errors: cadre_port_make's. */
CC_MUST_CHECK int stream_make(struct stream **stream, struct shard *shard,
                              const struct port_class *class,
                              const cadre_stream_options *options);
/* One that is not open yet, and will be a UNIX socket: so many descriptors may come with
 * its bytes. 0: none. Errors: cadre_port_get's. */
CC_MUST_CHECK int stream_pass(struct stream *stream, uint32_t most);
/* What its class's free does. */
void stream_free(struct stream *stream);

/* By the listener that has accepted this, for this actor. is_here: they share a loop. */
void stream_accept(struct stream *stream, int fd, uint64_t owner, bool is_here);

/* ---- between the files of the loop's side ---------------------------------------- */

/* How the peer sees it; what is unsent makes it a reset, too. */
enum stream_manner { WITH_END, WITH_RESET };
void stream_end(struct stream *stream, int reason, enum stream_manner manner);
/* In so many milliseconds; UINT64_MAX: never. Returns 0 for that. */
uint64_t stream_time_after(struct stream *stream, uint64_t ms);
/* The earlier one counts. 0: none. */
void stream_set_deadline(struct stream *stream, uint64_t at);

/* io/receiving: as much as there may be. */
void receiving_go_on(struct stream *stream);
/* The pump has read so many bytes, or why not. */
void receiving_moved(struct stream *stream, ssize_t n);

/* io/sending: so many more bytes were sent. */
void sending_count(struct stream *stream, size_t n);
/* What was under way is over: so many bytes were sent, or why not. */
void sending_wrote(struct stream *stream, ssize_t sent);
/* Is the owner to be told what was sent? */
void sending_look_at_mark(struct stream *stream);
/* Nothing waits to be sent. */
void sending_is_done(struct stream *stream);
/* As much as the system takes, then the rest by and by. */
void sending_go_on(struct stream *stream);

#endif

/* framing.h: messages out of a stream of bytes: lines, with a length in front, of one
 * size, or as a function of yours says.
 *
 * No actor of its own: whoever gets the bytes has a cadre_framing in its state, puts in
 * the buffers as they come, and takes out whole frames:
 *
 *   static int session_receive(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       struct session *me = state;
 *       cadre_stream_data *data = cadre_body(m, cadre_stream_data);
 *       ...
 *       cadre_frame line;
 *       int more = cadre_framing_put(&me->lines, cadre_buf_move(&data->buf));
 *       while (more >= 0 && (more = cadre_framing_next(&me->lines, &line)) > 0)
 *           answer(self, me, line.bytes, line.size);
 *       return more; // a frame that is too long fails the actor
 *   }
 *   static void session_stop(cadre_self *self, void *state, int reason)
 *   {
 *       cadre_framing_clear(&((struct session *)state)->lines);
 *   }
 *
 * One may stop in between, and go on later, also behind further buffers; and change what
 * the frames are between two of them (first lines, then so many bytes).
 *
 * Guarantees, each with a test of that name:
 *   splits_do_not_matter   the frames are the same wherever the stream is cut
 *   bytes_are_not_copied   a frame that lies in one buffer is handed out there, and only
 *                          what straddles two is copied
 *   limits_are_exact       a frame of `max` bytes comes, one of a byte more is refused,
 *                          whatever its prefix says
 *   memory_follows_bytes   what waits for its end takes no more than twice the bytes that
 *                          have come, whatever its prefix says
 *   cost_follows_bytes     a byte is looked at once and moved a few times, however few
 *                          come at a time */
#ifndef CADRE_ACTORS_FRAMING_H
#define CADRE_ACTORS_FRAMING_H
#include <cadre/message.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct cadre_framing cadre_framing;

/* Where does the frame end that begins here, of which so many bytes are there (at least
 * one, maybe more than its own)? Returns its size with all that belongs to it, also when
 * not all of that is there; 0: not known yet; or a negative code. It is asked again when
 * there is more, and not after it has told a size. It may keep in framing->seen how far
 * it has looked, and set `head` and `tail`. */
typedef int64_t cadre_measure(cadre_framing *framing, const uint8_t *bytes,
                              size_t size);

/* Lines, without their LF or CRLF. (A CR elsewhere is a byte like others.) */
CADRE_API cadre_measure cadre_framing_lines;
/* Each has its size in front, in `prefix` bytes, which is not counted. */
CADRE_API cadre_measure cadre_framing_prefixed;
/* Each is of `size` bytes. */
CADRE_API cadre_measure cadre_framing_fixed;

/* All zero: lines. */
struct cadre_framing {
    cadre_measure *measure; /* NULL: cadre_framing_lines */
    size_t max;             /* bytes of a frame as handed out. 0: 64 KiB */
    size_t size;            /* for cadre_framing_fixed: 1 to max */
    uint8_t prefix;         /* for cadre_framing_prefixed: 1, 2, 4 or 8 */
    bool little_endian;     /* the same; false: big */
    /* The measure's: bytes at both ends of this frame that are not handed out; and what
     * it likes. All are 0 at the beginning of a frame. */
    uint32_t head, tail;
    uint64_t seen[2];
    uint64_t own[8]; /* zero */
};

typedef struct cadre_frame {
    const uint8_t
        *bytes; /* valid until the next call for this framing; not to be changed */
    size_t size;
    cadre_buf *buf; /* in which they lie: a reference keeps them valid */
} cadre_frame;

/* These bytes come next. Takes the reference. Errors: -ENOMEM (only where the buffer
 * before was not used up), and what cadre_framing_next() has returned. */
CADRE_API CADRE_MUST_CHECK int cadre_framing_put(cadre_framing *framing,
                                                 cadre_buf *take);
/* 1: the next frame; 0: that needs more bytes. Errors, which remain, because behind one
 * nobody knows where a frame begins: -EMSGSIZE (it is over `max`), -ENOMEM, -EINVAL (the
 * fields), the measure's. */
CADRE_API CADRE_MUST_CHECK int cadre_framing_next(cadre_framing *framing,
                                                  cadre_frame *frame);
/* Bytes that were put in and not handed out: when a stream has ended, it was cut off
 * within a frame if there are any. */
CADRE_API size_t cadre_framing_left(const cadre_framing *framing);
/* Forgets them, and an error. At the latest when the actor stops. */
CADRE_API void cadre_framing_clear(cadre_framing *framing);
/* An error in words, for cadre_fail(): of -EMSGSIZE the limit. Writes to text, of
 * CADRE_FRAMING_TEXT bytes, and returns it, or a constant. */
#define CADRE_FRAMING_TEXT 64
CADRE_API const char *cadre_framing_why(const cadre_framing *framing, int err,
                                        char *text);

/* The other way, for cadre_framing_prefixed: the prefix of a frame of so many bytes, to
 * be written before them. Returns how many bytes that is. Errors: -EMSGSIZE (over `max`,
 * or no number for the prefix), -EINVAL. */
CADRE_API CADRE_MUST_CHECK int cadre_framing_head(const cadre_framing *framing,
                                                  uint8_t head[8], size_t size);
/* The same as one buffer with a copy of the bytes. Errors: -ENOMEM, too. */
CADRE_API CADRE_MUST_CHECK int cadre_framing_wrap(const cadre_framing *framing,
                                                  cadre_buf **buf, const void *bytes,
                                                  size_t size);

#ifdef __cplusplus
}
#endif
#endif

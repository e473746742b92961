/* message.h: message types, the received message, and shared buffers. */
#ifndef CADRE_MESSAGE_H
#define CADRE_MESSAGE_H
#include <cadre/base.h>
#ifdef __cplusplus
extern "C" {
#endif

/* The largest body, in bytes. Bodies are copied into the message: beyond about two
 * cache lines send a cadre_buf, or a pointer that the type's drop releases. */
#define CADRE_BODY_MAX (UINT32_C(16) << 20)

/* A message type: one constant per struct, compared by address, so two libraries can
 * never collide. It outlives every system that sends it. Fields left out are zero. */
typedef struct cadre_type {
    const char *name; /* in logs, reports and traces; may be NULL */
    uint32_t size;    /* sizeof the body, at most CADRE_BODY_MAX; 0 is legal */
    uint32_t flags;   /* zero */
    /* Releases what a body still owns when its receiver returns, or when nobody will
     * receive it. Runs exactly once per body, on any thread; it sees only the body,
     * must not block, and calls nothing of Cadre but cadre_buf_unref(). May be NULL. */
    void (*drop)(void *body);
    void *reserved[4]; /* zero */
} cadre_type;

/* CADRE_TYPE(ball) defines ball_type for `typedef struct { int left; } ball;`. Put
 * `static` in front for a private type; for a shared one write in the header
 * `extern const cadre_type ball_type;`. */
#ifdef __cplusplus /* positional: C++17 has no designated initialisers */
#define CADRE_TYPE(T) const cadre_type T##_type = {#T, sizeof(T), 0, nullptr, {}}
#define CADRE_TYPE_DROP(T, drop_body)                                                  \
    const cadre_type T##_type = {#T, sizeof(T), 0, (drop_body), {}}
#else
#define CADRE_TYPE(T) const cadre_type T##_type = {.name = #T, .size = sizeof(T)}
#define CADRE_TYPE_DROP(T, drop_body)                                                  \
    const cadre_type T##_type = {.name = #T, .size = sizeof(T), .drop = (drop_body)}
#endif

/* A type and a body, for the functions that take both and have no sugar of their own:
 * cadre_pass_as(self, CADRE_BODY(ball, .left = 3)). C only. */
#ifndef __cplusplus
#define CADRE_BODY(T, ...)                                                             \
    &T##_type, &(T) { __VA_ARGS__ }
#endif

/* A message as its receiver sees it, valid until receive returns. The body is aligned
 * for any type and belongs to the receiver alone until then; what is left in it
 * afterwards goes to type->drop. */
typedef struct cadre_msg {
    const cadre_type *type;
    cadre_ref from;    /* the sender; id 0 when sent from outside the system */
    cadre_token token; /* the operation this answers; id 0 when none */
    void *body;
} cadre_msg;

/* The body as a T *, or NULL when the message is not a T. */
#define cadre_body(m, T) ((T *)cadre_body_as((m), &T##_type))
static inline void *cadre_body_as(const cadre_msg *m, const cadre_type *type)
{
    return m->type == type ? m->body : NULL;
}

/* Bytes shared by reference count, writable only while the count is one. They come
 * from malloc, belong to no system and outlive any. All functions: any thread. */
typedef struct cadre_buf cadre_buf;

/* A new buffer of size bytes with count one: a copy of `bytes`, or zeroed when `bytes`
 * is NULL. NULL when out of memory. */
CADRE_API CADRE_MUST_CHECK cadre_buf *cadre_buf_new(const void *bytes, size_t size);
/* One more owner. Returns buf; NULL gives NULL. */
CADRE_API cadre_buf *cadre_buf_ref(cadre_buf *buf);
/* One owner less; the last one frees. NULL is fine. */
CADRE_API void cadre_buf_unref(cadre_buf *buf);
/* The bytes, aligned for any type, borrowed until your unref. NULL gives NULL. */
CADRE_API uint8_t *cadre_buf_data(cadre_buf *buf);
/* How many bytes. NULL gives 0. */
CADRE_API size_t cadre_buf_size(const cadre_buf *buf);

/* Takes the buffer out of a body (or any variable), leaving NULL behind. */
static inline cadre_buf *cadre_buf_move(cadre_buf **from)
{
    cadre_buf *buf = *from;
    *from = NULL;
    return buf;
}

#ifdef __cplusplus
}
#endif
#endif

/* resolve.h: the addresses of a host, by its name.
 *
 * As the machine looks them up, files and name servers, by getaddrinfo(). That may take
 * long, and runs on a thread of CADRE_POOL_NAMES (offload.h): name servers that do not
 * answer hold up no worker, no file (file.h), and no call of the program's. So many
 * look-ups as that pool has threads go on at a time. A host that is a numeric address is
 * answered without.
 *
 * A look-up fails with -ENXIO: there is no such name, or it has no address; -EAGAIN: no
 * name server answers; -EREMOTEIO: one refuses; -ETIMEDOUT; or the system's code. The
 * message is the remedy, cadre_failure_text() (words.h) adds the name.
 *
 * A cadre_resolver is an actor that remembers what it has found out.
 *
 * Guarantees, each with a test of that name:
 *   one_outcome          see ask.h
 *   failure_has_remedy   as above
 *   names_hold_up_no_file  as above
 *   equal_ones_are_one   who asks a resolver for a name that it looks up just then shares
 *                        the outcome; one that gives up takes it from nobody else
 *   ttl_is_kept          what it has found is the answer for `ttl`, and no longer
 *   within_bounds        it remembers no more than `names`, and no more than `waiting`
 *                        requests wait */
#ifndef CADRE_ACTORS_RESOLVE_H
#define CADRE_ACTORS_RESOLVE_H
#include <cadre/actors/words.h>
#include <cadre/address.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

#define CADRE_HOST_MAX 255 /* bytes of a name, without its zero */
#define CADRE_ADDRESSES_MAX 16

/* Where a host is, each once, the best first (RFC 6724); at least one, and of more than
 * there is room for the first. The port is the one that was asked with. */
typedef struct cadre_addresses {
    uint32_t count;
    cadre_address at[CADRE_ADDRESSES_MAX];
} cadre_addresses;
CADRE_API extern const cadre_type cadre_addresses_type;

/* Looks it up: the outcome is a cadre_addresses. *token is written on success and may be
 * NULL; timeout as for cadre_ask(). Errors: -EINVAL (host: NULL, empty or longer than
 * CADRE_HOST_MAX), and those of cadre_offload_as(). */
CADRE_API CADRE_MUST_CHECK int cadre_resolve(cadre_self *self, cadre_token *token,
                                             cadre_time timeout, const char *host,
                                             uint16_t port);

/* Its config, which cadre_spawn() takes as init. A negative time fails the start with
 * -EINVAL. It does not know for how long a name server says that an address holds. */
typedef struct cadre_resolver {
    cadre_time ttl;        /* of what it has found. 0: 30 s */
    cadre_time failed_ttl; /* of -ENXIO; other failures are not kept. 0: 1 s */
    cadre_time timeout;    /* of a look-up. 0: 30 s */
    uint32_t names;        /* most; the oldest makes room, but none that is being looked
                              up. 0: 1,024 */
    uint32_t waiting;      /* requests, most. 0: 4,096. Beyond these CADRE_EFULL */
    uint64_t own[4];       /* zero; the actor's own */
} cadre_resolver;
CADRE_API extern const cadre_class cadre_resolver_class;

/* A request, answered with cadre_addresses. A host that is empty, or has no zero, is
 * refused with -EINVAL. */
typedef struct cadre_resolver_ask {
    char host[CADRE_HOST_MAX + 1];
    uint16_t port;
} cadre_resolver_ask;
CADRE_API extern const cadre_type cadre_resolver_ask_type;

#ifdef __cplusplus
}
#endif
#endif

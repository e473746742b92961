/* address.c: numeric addresses as text, and as the system has them. */
#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>

int address_parse(union address *a, const char *host, uint16_t port)
{
    *a = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    if (!host || inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1)
        return 0; /* the zero address is any */
    *a = (union address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    return inet_pton(AF_INET, host, &a->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

socklen_t address_size(const union address *a)
{
    return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

int address_socket(union address *a, bool any, int type)
{
    const int v6_only = !any;
    type |= SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(a->any.sa_family, type, 0);
    if (fd < 0 && any && errno == EAFNOSUPPORT) { /* IPv4 only */
        *a =
            (union address){.v4 = {.sin_family = AF_INET, .sin_port = a->v6.sin6_port}};
        fd = socket(AF_INET, type, 0);
    }
    if (fd < 0)
        return -errno;
    if (a->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    return fd;
}

void address_print(cadre_address *text, const union address *a)
{
    static const struct in6_addr v4_mapped = {
        .s6_addr = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    *text = (cadre_address){.port = 0};
    if (a->any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &a->v4.sin_addr, text->host, sizeof text->host);
        text->port = ntohs(a->v4.sin_port);
    } else if (__builtin_memcmp(&a->v6.sin6_addr, &v4_mapped, 12) == 0) {
        (void)inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], text->host,
                        sizeof text->host);
        text->port = ntohs(a->v6.sin6_port);
    } else {
        (void)inet_ntop(AF_INET6, &a->v6.sin6_addr, text->host, sizeof text->host);
        text->port = ntohs(a->v6.sin6_port);
    }
}

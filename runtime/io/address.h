/* address.h: numeric addresses as text, and as the system has them. */
#ifndef IO_ADDRESS_H
#define IO_ADDRESS_H

#include "base/cc.h"

#include <cadre/tcp.h>

#include <netinet/in.h>
#include <stdint.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* host NULL: any. Returns 0 or -EINVAL. */
CC_MUST_CHECK int address_parse(union address *address, const char *host,
                                uint16_t port);
socklen_t address_size(const union address *address);
/* A socket for that, which is then what it is for: any is of IPv4 and IPv6, or of IPv4
 * where there is no other. Returns it, or an error. */
CC_MUST_CHECK int address_socket(union address *address, bool any, int type);
void address_print(cadre_address *text, const union address *address);

#endif

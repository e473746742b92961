/* address.h: where somebody is on the net. */
#ifndef CADRE_ADDRESS_H
#define CADRE_ADDRESS_H
#include <cadre/base.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A numeric address, such as 127.0.0.1 or ::1. */
typedef struct cadre_address {
    char host[46];
    uint16_t port;
} cadre_address;

#ifdef __cplusplus
}
#endif
#endif

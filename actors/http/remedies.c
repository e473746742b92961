/* remedies.c: what to do about the failures of a client. */
#include "client.h"

#include <errno.h>

cadre_failure client_failure(int code)
{
    static const struct {
        int code;
        const char *remedy;
    } remedies[] = {
        {-ECONNREFUSED, "is a server running there, and is the port right?"},
        {-ECONNRESET, "the server has closed the connection before it had answered"},
        {-EPROTO, "what answers there does not speak HTTP, or not well"},
        {-EMSGSIZE, "raise body or head of the client, or take the answer in pieces"},
        {-ELOOP, "it is redirected again and again: look where to, with `stays`"},
        {-ETIMEDOUT, "is the server up, and is there a way to it?"},
        {-EHOSTUNREACH, "is the network up, and is there a way to that host?"},
        {-ENETUNREACH, "is the network up, and is there a way to that host?"},
        {-EPROTONOSUPPORT, "https is not there: use http, or a proxy that adds TLS"},
        {CADRE_EFULL,
         "too many wait for a connection: ask for less, or raise `waiting`"},
        {-EMFILE, "raise the limit of open files (ulimit -n), or lower `connections`"},
    };
    cadre_failure failure = {.code = code};
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (remedies[i].code == code)
            failure.message = remedies[i].remedy;
    return failure;
}

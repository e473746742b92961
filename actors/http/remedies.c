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
        {CALL_UNSEEN, "the server has refused it again and again, without looking at "
                      "it: is it going down, or is too much asked at a time?"},
        {CALL_HTTP1, "the server wants HTTP/1.1 for that, and what was sent in pieces "
                     "cannot be sent again: ask again, or set `http1` in the client's "
                     "config"},
        {-EPROTO, "what answers there does not speak HTTP, or not well"},
        {-EMSGSIZE, "raise body or head of the client, or take the answer in pieces"},
        {-ELOOP, "it is redirected again and again: look where to, with `stays`"},
        {-ETIMEDOUT, "is the server up, and is there a way to it?"},
        {-EHOSTUNREACH, "is the network up, and is there a way to that host?"},
        {-ENETUNREACH, "is the network up, and is there a way to that host?"},
        {-EPROTONOSUPPORT, "https: needs a `tls` in the client's config (tls.h)"},
        {CADRE_ETLS, "no TLS is spoken there, or none that is accepted: is it the port "
                     "for https:?"},
        {CADRE_ETLS_REFUSED, "the server does not accept this client, nor perhaps its "
                             "certificate: the log has its word for it"},
        {CADRE_ETLS_UNTRUSTED, "nobody who is trusted vouches for the server: is its "
                               "authority the `trust` of the client's tls?"},
        {CADRE_ETLS_EXPIRED, "the server's certificate is to be renewed; or is the "
                             "clock wrong here?"},
        {CADRE_ETLS_NAME,
         "the server's certificate is not that of the host in the URL: "
         "the log says whose it is"},
        {CADRE_ETLS_CERTIFICATE, "the server's certificate is bad: the log says how"},
        {CADRE_ETLS_CUT, "the server has cut the connection off: what came may not be "
                         "all"},
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

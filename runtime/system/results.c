/* results.c: result codes as text, and the version. */
#include "base/errors.h"

#include <cadre/base.h>

static const char *ours(int err)
{
    switch (err) {
    case CADRE_OK:
        return "success";
    case CADRE_STOP:
        return "stop normally";
    case CADRE_EDEAD:
        return "the other side ended before it answered";
    case CADRE_EFULL:
        return "a limit is reached";
    case CADRE_EKILLED:
        return "killed";
    case CADRE_EPARENT:
        return "the parent ended";
    case CADRE_EUNANSWERED:
        return "the request was read, but not answered";
    case CADRE_ECRASHED:
        return "the process of an isolated actor has died";
    case CADRE_ERESTARTS:
        return "children failed too often";
    case CADRE_EBUDGET:
        return "over its budget";
    case CADRE_ETLS:
        return "TLS: the peer says what is not accepted";
    case CADRE_ETLS_REFUSED:
        return "TLS: the peer has refused";
    case CADRE_ETLS_UNTRUSTED:
        return "TLS: the peer's certificate is of nobody who is trusted";
    case CADRE_ETLS_EXPIRED:
        return "TLS: the peer's certificate has expired, or is not valid yet";
    case CADRE_ETLS_NAME:
        return "TLS: the peer's certificate is another host's";
    case CADRE_ETLS_CERTIFICATE:
        return "TLS: the peer has no certificate, or a bad one";
    case CADRE_ETLS_CUT:
        return "TLS: the peer ended without saying so";
    default:
        return "unknown result";
    }
}

const char *cadre_strerror(int err)
{
    if (err <= CADRE_EUSER)
        return "an error of the program's own";
    const char *text = err < 0 && err >= -4095 ? errors_text(-err) : NULL;
    return text ? text : ours(err);
}

unsigned cadre_version(void)
{
    return CADRE_VERSION_MAJOR * 10000 + CADRE_VERSION_MINOR * 100 +
           CADRE_VERSION_PATCH;
}

/* resolve.c: the addresses of a host: a call on a thread, and a step that tells. */
#include <cadre/actors/resolve.h>

#include <cadre/chain.h>
#include <cadre/offload.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

CADRE_TYPE(cadre_addresses);

typedef struct resolve_job {
    cadre_resolver_ask asked;
    cadre_addresses found;
} resolve_job;
static CADRE_TYPE(resolve_job);

/* ---- on a thread of the pool ----------------------------------------------------- */

static int code_of(int error)
{
    switch (error) {
    case 0:
        return 0;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -ENXIO;
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_FAIL:
        return -EREMOTEIO;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno ? -errno : -EIO;
    default:
        return -EINVAL;
    }
}

static bool is_in(const cadre_addresses *found, const char *host)
{
    for (uint32_t i = 0; i < found->count; i++)
        if (strcmp(found->at[i].host, host) == 0)
            return true;
    return false;
}

/* An address of a link goes with its link, if there is room for the name of that. */
static void add(cadre_addresses *found, const struct addrinfo *info, uint16_t port)
{
    cadre_address *address = &found->at[found->count];
    char host[sizeof address->host] = "";
    if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof host, NULL, 0,
                    NI_NUMERICHOST) != 0 ||
        is_in(found, host))
        return;
    memcpy(address->host, host, sizeof host);
    address->port = port;
    found->count++;
}

static int look_up(void *body)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    resolve_job *job = body;
    struct addrinfo *list = NULL;
    int code = code_of(getaddrinfo(job->asked.host, NULL, &hints, &list));
    if (code)
        return code;
    for (const struct addrinfo *info = list;
         info && job->found.count < CADRE_ADDRESSES_MAX; info = info->ai_next)
        add(&job->found, info, job->asked.port);
    freeaddrinfo(list);
    return job->found.count > 0 ? 0 : -ENXIO;
}

/* ---- in the turn of whoever asked ------------------------------------------------ */

static const char *remedy(int code)
{
    switch (code) {
    case -ENXIO:
        return "there is no such name: correct it, or tell a name server or /etc/hosts";
    case -EAGAIN:
        return "no name server answers: try again later, or see /etc/resolv.conf";
    case -EREMOTEIO:
        return "the name server refuses: see its log, or ask another";
    case -ETIMEDOUT:
        return "no name server answers in time: allow more, or see /etc/resolv.conf";
    default:
        return NULL;
    }
}

static int tell(cadre_self *self, void *state, cadre_msg *m)
{
    const resolve_job *job = m->body;
    return cadre_pass_as(self, &cadre_addresses_type, &job->found);
}

static int tell_failure(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_failure failure = *(const cadre_failure *)m->body;
    if (!failure.message)
        failure.message = remedy(failure.code);
    return cadre_pass_as(self, &cadre_failure_type, &failure);
}

static bool is_numeric(const char *host)
{
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* By a promise that is kept at once. */
static int answer(cadre_self *self, cadre_token *token, cadre_time timeout,
                  const char *host, uint16_t port)
{
    cadre_addresses found = {.count = 1, .at = {{.port = port}}};
    cadre_promise promise;
    cadre_token own;
    int err = cadre_promise_new(self, &own, &promise, timeout);
    if (err)
        return err;
    strncpy(found.at[0].host, host, sizeof found.at[0].host - 1);
    err = cadre_answer_as(self, promise, &cadre_addresses_type, &found);
    if (err)
        (void)cadre_cancel(self, own);
    else if (token)
        *token = own;
    return err;
}

int cadre_resolve(cadre_self *self, cadre_token *token, cadre_time timeout,
                  const char *host, uint16_t port)
{
    resolve_job job = {.asked.port = port};
    cadre_token call, next;
    size_t length = host ? strlen(host) : 0;
    if (length == 0 || length > CADRE_HOST_MAX)
        return -EINVAL;
    if (is_numeric(host))
        return answer(self, token, timeout, host, port);
    memcpy(job.asked.host, host, length);
    int err = cadre_offload_as(self, &call, CADRE_POOL_NAMES, timeout, look_up,
                               &resolve_job_type, &job);
    if (err)
        return err;
    err = cadre_chain(self, &next, call, tell, tell_failure);
    if (err)
        (void)cadre_cancel(self, call);
    else if (token)
        *token = next;
    return err;
}

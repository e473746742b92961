/* commands.c: which commands there are: the table's, and those of every server. */
#include "commands.h"

#include <errno.h>

static const cadre_resp_command usual[] = {
    {.name = "del", .least = 2, .route = CADRE_RESP_EACH, .run = keys_del},
    {.name = "exists", .least = 2, .route = CADRE_RESP_EACH, .run = keys_exists},
    {.name = "expire", .least = 3, .route = CADRE_RESP_KEY, .run = keys_expire},
    {.name = "pexpireat", .least = 3, .route = CADRE_RESP_KEY, .run = keys_pexpireat},
    {.name = "ttl", .least = 2, .most = 2, .route = CADRE_RESP_KEY, .run = keys_ttl},
    {.name = "dbsize",
     .least = 1,
     .most = 1,
     .route = CADRE_RESP_ALL,
     .run = keys_dbsize},
    {.name = "flushall", .least = 1, .route = CADRE_RESP_ALL_OK, .run = keys_flushall},
    {.name = "ping", .least = 1, .most = 2, .run = session_ping},
    {.name = "echo", .least = 2, .most = 2, .run = session_echo},
    {.name = "quit", .least = 1, .run = session_quit},
    {.name = "hello", .least = 1, .run = session_hello},
    {.name = "command", .least = 1, .run = session_command},
    {.name = "config", .least = 2, .run = session_config},
    {.name = "info", .least = 1, .run = session_info},
    {.name = "subscribe", .least = 2, .run = channels_subscribe},
    {.name = "unsubscribe", .least = 1, .run = channels_unsubscribe},
    {.name = "publish", .least = 3, .most = 3, .run = channels_publish},
    {.name = NULL}};

/* How many words one has at least. */
static uint32_t words_least(int route)
{
    return route == CADRE_RESP_PAIRS                             ? 3
           : route >= CADRE_RESP_KEY && route <= CADRE_RESP_LIST ? 2
                                                                 : 1;
}

static bool is_good(const cadre_resp_command *c)
{
    for (const char *at = c->name; *at; at++)
        if (*at <= ' ' || *at > '~' || (*at >= 'A' && *at <= 'Z'))
            return false;
    return *c->name && c->run && c->route >= CADRE_RESP_HERE &&
           c->route <= CADRE_RESP_ALL_OK && c->least >= words_least(c->route) &&
           (c->most == 0 || c->most >= c->least);
}

bool commands_are_good(const cadre_resp_command *commands)
{
    for (; commands && commands->name; commands++)
        if (!is_good(commands))
            return false;
    return true;
}

static const cadre_resp_command *find_in(const cadre_resp_command *commands,
                                         cadre_resp_slice name)
{
    for (; commands->name; commands++)
        if ((name.bytes[0] | 0x20) == commands->name[0] &&
            cadre_resp_is(name, commands->name))
            return commands;
    return NULL;
}

const cadre_resp_command *command_find(const cadre_resp_command *commands,
                                       cadre_resp_slice name)
{
    if (name.size == 0)
        return NULL;
    const cadre_resp_command *found = commands ? find_in(commands, name) : NULL;
    return found ? found : find_in(usual, name);
}

bool command_fits(const cadre_resp_command *command, uint32_t words)
{
    bool odd = command->route == CADRE_RESP_PAIRS && words % 2 == 0;
    return words >= command->least && (!command->most || words <= command->most) &&
           !odd;
}

static bool has_one_key(const cadre_resp_command *command, uint32_t words)
{
    int route = command->route;
    return route == CADRE_RESP_KEY || (route == CADRE_RESP_PAIRS && words == 3) ||
           ((route == CADRE_RESP_EACH || route == CADRE_RESP_LIST) && words == 2);
}

const cadre_resp_command *command_of(const cadre_resp_command *commands,
                                     const uint8_t *bytes, size_t size,
                                     struct args *args)
{
    if (*bytes != '*')
        return NULL;
    cadre_buf *none;
    *args = resp_args(bytes, size, &none);
    uint32_t words = args->left;
    if (words == 0)
        return NULL;
    const cadre_resp_command *command = command_find(commands, resp_next(args));
    bool fits = command && command_fits(command, words);
    return fits && has_one_key(command, words) ? command : NULL;
}

/* ---- the journal ------------------------------------------------------------------- */

enum { KEPT_MORE = 1 << 16 }; /* what is kept may be longer than what came */

static int check(void *arg, const uint8_t *bytes, size_t size)
{
    struct args args;
    const cadre_resp_command *commands = *(const cadre_resp_command **)arg;
    return command_of(commands, bytes, size, &args) ? 0 : -EPROTO;
}

int cadre_resp_journal(cadre_journal **journal, const char *path, int fsync,
                       const cadre_resp_command *commands)
{
    if (!commands_are_good(commands))
        return -EINVAL;
    const cadre_journal_options options = {
        .fsync = fsync,
        .framing = {.measure = resp_measure, .max = RESP_COMMAND_MAX + KEPT_MORE},
        .each = check,
        .arg = &commands};
    return cadre_journal_open(journal, path, &options);
}

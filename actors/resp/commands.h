/* commands.h: which commands there are: the table's, and those of every server. */
#ifndef ACTORS_RESP_COMMANDS_H
#define ACTORS_RESP_COMMANDS_H

#include "call.h"

bool commands_are_good(const cadre_resp_command *commands);
/* NULL: there is none of that name. */
const cadre_resp_command *command_find(const cadre_resp_command *commands,
                                       cadre_resp_slice name);
bool command_fits(const cadre_resp_command *command, uint32_t words);
/* That of a whole frame, if it is one that shards write to the journal; its arguments. */
const cadre_resp_command *command_of(const cadre_resp_command *commands,
                                     const uint8_t *bytes, size_t size,
                                     struct args *args);

/* Those of every server: of the session, of its channels, and of the keys. */
cadre_resp_run session_ping, session_echo, session_quit, session_command, session_hello,
    session_config, session_info;
cadre_resp_run channels_subscribe, channels_unsubscribe, channels_publish;
cadre_resp_run keys_del, keys_exists, keys_ttl, keys_expire, keys_pexpireat,
    keys_dbsize, keys_flushall;

#endif

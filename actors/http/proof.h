/* proof.h: does a request ask for a WebSocket, and what shows that it was understood. */
#ifndef ACTORS_HTTP_PROOF_H
#define ACTORS_HTTP_PROOF_H

#include <cadre/http.h>

enum { PROOF_SIZE = 29 }; /* with its zero */

/* False: it does not, or not as RFC 6455 says. */
bool proof_make(char proof[PROOF_SIZE], const cadre_http_request *r);

#endif

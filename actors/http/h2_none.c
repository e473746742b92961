/* h2_none.c: what stands in for HTTP/2 where there is no nghttp2. */
#include "h2.h"
#include "h2_link.h"

#include <errno.h>

const bool h2_is_there = false;

int h2_begin(cadre_self *self, struct connection *c)
{
    return -ENOTSUP; /* its preface was refused */
}
void h2_free(cadre_self *self, struct connection *c) {}

const bool h2_link_is_there = false;

int h2_link_begin(cadre_self *self, struct channel *c)
{
    return -ENOTSUP; /* it was not offered */
}
void h2_link_free(cadre_self *self, struct channel *c, int code) {}

/* fail.c: to fail with words.
 *
 * From cadre_fail() to the report the worker keeps the words, so that to fail takes no
 * memory. */
#include "actor/fail.h"

#include <cadre/fail.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cadre_fail(cadre_self *self, int code, const char *fmt, ...)
{
    int err = self_check(self, "cadre_fail");
    if (err)
        return err;
    if (code >= 0 || !fmt)
        return world_misuse(self->world, -EINVAL,
                            "cadre_fail: fmt is NULL, or code %d is not negative",
                            code);
    char text[WORDS_MAX + 2]; /* so that it is seen where the first byte left out is */
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size = size < 0 ? 0 : size > WORDS_MAX ? WORDS_MAX : size;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--; /* not within a character of more than one byte */
    text[size] = '\0';
    self->more = true; /* the turn looks whether it is returned */
    self->words = (struct words){self_address(self), code, ""};
    memcpy(self->words.text, text, (size_t)size + 1);
    return code;
}

const char *fail_words(const struct cadre_self *self, int reason)
{
    const struct words *words = &self->words;
    return words->of == self_address(self) && words->code == reason ? words->text
                                                                    : NULL;
}

void fail_forget_words(struct cadre_self *self, int result)
{
    if (self->words.of == self_address(self) && self->words.code != result)
        self->words.of = 0;
}

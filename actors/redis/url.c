/* url.c: where a server is, and as whom. */
#include "url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REDIS_PORT = 6379 };

/* What is in front of the mark, and behind it; NULL: it is not there. */
static char *cut(char *text, char mark)
{
    char *at = strchr(text, mark);
    if (at)
        *at++ = '\0';
    return at;
}

static int digit_of(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : (c | ' ') - 'a' + 10;
}

/* %2F is /. False: it is none, or a zero. */
static bool decode(char *text)
{
    char *to = text;
    for (; *text; text++) {
        char c = *text;
        if (c == '%') {
            int high = digit_of(text[1]), low = high < 0 ? -1 : digit_of(text[2]);
            if (low < 0 || high + low == 0)
                return false;
            c = (char)(high << 4 | low);
            text += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    return true;
}

static bool read_number(const char *text, uint32_t max, uint32_t *number)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || n > max)
        return false;
    *number = (uint32_t)n;
    return true;
}

static const char *read_user(struct url *url, char *text)
{
    char *password = cut(text, ':');
    if (!password || !*password)
        return "there is a user without a password: say user:password@";
    if (!decode(text) || !decode(password))
        return "the user or the password has a % that begins no byte";
    url->user = *text ? text : NULL;
    url->password = password;
    return NULL;
}

static const char *read_host(struct url *url, char *text)
{
    uint32_t number = REDIS_PORT;
    bool is_literal = *text == '[';
    char *rest = is_literal ? cut(++text, ']') : NULL;
    if (is_literal && (!rest || (*rest && *rest != ':')))
        return "the address in brackets has no end";
    char *port = cut(is_literal ? rest : text, ':');
    if (!*text || strlen(text) > CADRE_HOST_MAX)
        return "there is no host, or it is too long";
    if (port && (!read_number(port, UINT16_MAX, &number) || number == 0))
        return "the port is none";
    memcpy(url->host, text, strlen(text) + 1);
    url->port = (uint16_t)number;
    return NULL;
}

static const char *read_database(struct url *url, const char *path, const char *query)
{
    static const char name[] = "db=";
    if (query && strncmp(query, name, sizeof name - 1) != 0)
        return "behind the ? only db=NUMBER is known";
    if (query && path && *path)
        return "the database is there twice, behind the / and the ?";
    const char *text = query ? query + sizeof name - 1 : path;
    return !text || (!query && !*text) || read_number(text, INT32_MAX, &url->database)
               ? NULL
               : "the database is no number";
}

static const char *read_path(struct url *url, char *text)
{
    if (!decode(text) || strlen(text) > URL_PATH_MAX || !text[0])
        return "the path of the socket is none, or too long";
    memcpy(url->path, text, strlen(text) + 1);
    return NULL;
}

static bool take_scheme(char **text, const char *scheme)
{
    size_t size = strlen(scheme);
    bool is_it = strncasecmp(*text, scheme, size) == 0;
    *text += is_it ? size : 0;
    return is_it;
}

const char *url_parse(struct url *url, char *text)
{
    *url = (struct url){.port = 0};
    bool is_local = take_scheme(&text, "unix://");
    url->has_tls = !is_local && take_scheme(&text, "rediss://");
    if (!is_local && !url->has_tls && !take_scheme(&text, "redis://"))
        return "it begins with none of redis:// rediss:// unix://";
    char *query = cut(text, '?');
    char *rest = text + strcspn(text, "/");
    char *at = memchr(text, '@', (size_t)(rest - text));
    const char *why = NULL;
    if (at) {
        *at++ = '\0';
        why = read_user(url, text);
        text = at;
    }
    if (!why && is_local)
        why = read_path(url, text);
    char *path = is_local ? NULL : cut(text, '/');
    if (!why && !is_local)
        why = read_host(url, text);
    return why ? why : read_database(url, path, query);
}

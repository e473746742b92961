/* statement.h: the statements of a request, one after the other in a buffer. */
#ifndef ACTORS_STATEMENT_H
#define ACTORS_STATEMENT_H

#include <cadre/actors/sql.h>

struct statement {
    uint64_t size;  /* to the next one; then: the values, the text, theirs */
    uint32_t count; /* of values; what they point to is an offset from here */
    uint32_t text;  /* so is this */
};

/* before NULL: the first; NULL: there is no other one. */
static inline const struct statement *statement_next(const cadre_sql *sql,
                                                     const struct statement *before)
{
    const uint8_t *start = cadre_buf_data(sql->statements);
    const uint8_t *at = before ? (const uint8_t *)before + before->size : start;
    return at && at < start + sql->used ? (const struct statement *)(const void *)at
                                        : NULL;
}
static inline const char *statement_text(const struct statement *s)
{
    return (const char *)s + s->text;
}
static inline cadre_sql_value statement_value(const struct statement *s, uint32_t i)
{
    cadre_sql_value v = ((const cadre_sql_value *)(const void *)(s + 1))[i];
    if (v.kind >= CADRE_SQL_TEXT)
        v.is.bytes = (const uint8_t *)s + (size_t)v.is.integer;
    return v;
}

#endif

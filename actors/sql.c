/* sql.c: what databases are asked, and what they answer. */
#include "sql/statement.h"

#include <errno.h>
#include <string.h>

static void drop_sql(void *body) { cadre_sql_drop(body); }
static void drop_rows(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_sql_rows *)body)->data));
}
static void drop_error(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_sql_error *)body)->text));
}
CADRE_TYPE_DROP(cadre_sql, drop_sql);
CADRE_TYPE_DROP(cadre_sql_rows, drop_rows);
CADRE_TYPE_DROP(cadre_sql_error, drop_error);
CADRE_TYPE(cadre_sql_next);

cadre_sql_value cadre_sql_text(const char *text)
{
    cadre_sql_value v = cadre_sql_null();
    size_t length = text ? strlen(text) : 0;
    v.kind = text ? CADRE_SQL_TEXT : CADRE_SQL_NULL;
    v.size = length < UINT32_MAX ? (uint32_t)length : UINT32_MAX;
    v.is.text = text;
    return v;
}

void cadre_sql_drop(cadre_sql *sql)
{
    cadre_buf_unref(sql->statements);
    *sql = (cadre_sql){.statements = NULL};
}

/* ---- a statement ----------------------------------------------------------------- */

static bool is_value(const cadre_sql_value *v)
{
    return v->kind >= CADRE_SQL_NULL && v->kind <= CADRE_SQL_BYTES &&
           (v->kind < CADRE_SQL_TEXT || v->size == 0 || v->is.bytes);
}

/* Bytes of it in the buffer; 0: there is a value that is none. */
static uint64_t size_of(const char *text, const cadre_sql_value *values, uint32_t count)
{
    uint64_t size =
        sizeof(struct statement) + count * sizeof *values + strlen(text) + 1;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_value(&values[i]))
            return 0;
        size += values[i].kind >= CADRE_SQL_TEXT ? values[i].size + UINT64_C(1) : 0;
    }
    return (size + 15) & ~UINT64_C(15);
}

static int reserve(cadre_sql *sql, uint64_t size)
{
    if (size > UINT32_MAX || sql->count == UINT32_MAX)
        return -EMSGSIZE;
    if (sql->used + size <= cadre_buf_size(sql->statements))
        return 0;
    cadre_buf *larger = cadre_buf_new(NULL, 2 * sql->used + size);
    if (!larger)
        return -ENOMEM;
    if (sql->used)
        memcpy(cadre_buf_data(larger), cadre_buf_data(sql->statements), sql->used);
    cadre_buf_unref(sql->statements);
    sql->statements = larger;
    return 0;
}

int cadre_sql_add(cadre_sql *sql, const char *text, const cadre_sql_value *values,
                  uint32_t count)
{
    uint64_t size = text && (values || !count) ? size_of(text, values, count) : 0;
    int err = size ? reserve(sql, size) : -EINVAL;
    if (err)
        return err;
    struct statement *s = (void *)(cadre_buf_data(sql->statements) + sql->used);
    cadre_sql_value *copies = (void *)(s + 1);
    uint8_t *end = (uint8_t *)(copies + count);
    *s = (struct statement){size, count, (uint32_t)(end - (uint8_t *)s)};
    end = (uint8_t *)memcpy(end, text, strlen(text) + 1) + strlen(text) + 1;
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = values[i];
        if (values[i].kind < CADRE_SQL_TEXT)
            continue;
        copies[i].is.integer = end - (uint8_t *)s;
        if (values[i].size)
            memcpy(end, values[i].is.bytes, values[i].size);
        end += values[i].size;
        *end++ = 0;
    }
    sql->used += size;
    sql->count++;
    return 0;
}

int cadre_sql_ask(cadre_self *self, cadre_token *token, cadre_ref database,
                  cadre_time timeout, const char *text, const cadre_sql_value *values,
                  uint32_t count)
{
    cadre_sql sql = {.statements = NULL};
    int err = cadre_sql_add(&sql, text, values, count);
    return err ? err
               : cadre_ask_as(self, token, database, timeout, &cadre_sql_type, &sql);
}

/* ---- answers --------------------------------------------------------------------- */

const char *cadre_sql_text_at(const cadre_sql_rows *rows, uint32_t row, uint32_t column)
{
    const cadre_sql_value *v = cadre_sql_at(rows, row, column);
    return v->kind == CADRE_SQL_TEXT ? v->is.text : NULL;
}

int64_t cadre_sql_integer_at(const cadre_sql_rows *rows, uint32_t row, uint32_t column,
                             int64_t otherwise)
{
    const cadre_sql_value *v = cadre_sql_at(rows, row, column);
    return v->kind == CADRE_SQL_INTEGER ? v->is.integer : otherwise;
}

const char *cadre_sql_error_text(const cadre_sql_error *error)
{
    return error->text ? (const char *)cadre_buf_data(error->text)
                       : cadre_strerror(error->code);
}

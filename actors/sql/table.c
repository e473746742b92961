/* table.c: the rows of an answer while they come, and what went wrong. */
#include "table.h"

#include "../body.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int reserve_bytes(struct table *table, uint64_t size)
{
    uint64_t used = table->used - table->values.count * sizeof(cadre_sql_value);
    if (used + size <= cadre_buf_size(table->bytes))
        return 0;
    cadre_buf *larger = cadre_buf_new(NULL, 2 * used + size + 256);
    if (!larger)
        return -ENOMEM;
    if (used)
        memcpy(cadre_buf_data(larger), cadre_buf_data(table->bytes), used);
    cadre_buf_unref(table->bytes);
    table->bytes = larger;
    return 0;
}

int table_add(struct table *table, const cadre_sql_value *value)
{
    uint64_t room = value->kind >= CADRE_SQL_TEXT ? value->size + UINT64_C(1) : 0;
    cadre_sql_value copy = *value;
    if (table->used + room + sizeof copy > table->max)
        return -EMSGSIZE;
    int err = reserve_bytes(table, room);
    if (!err)
        err = rows_reserve(&table->values, sizeof copy);
    if (err)
        return err;
    if (room) {
        uint64_t at = table->used - table->values.count * sizeof copy;
        uint8_t *to = cadre_buf_data(table->bytes) + at;
        if (value->size)
            memcpy(to, value->is.bytes, value->size);
        to[value->size] = 0;
        copy.is.integer = (int64_t)at;
    }
    rows_append(&table->values, sizeof copy, &copy);
    table->used += room + sizeof copy;
    return 0;
}

int table_finish(struct table *table, cadre_buf **data)
{
    size_t size = table->values.count * sizeof(cadre_sql_value);
    *data = cadre_buf_new(NULL, table->used);
    if (!*data)
        return -ENOMEM;
    cadre_sql_value *values = (void *)cadre_buf_data(*data);
    uint8_t *bytes = (uint8_t *)values + size;
    if (size)
        memcpy(values, cadre_buf_data(table->values.buf), size);
    if (table->used > size)
        memcpy(bytes, cadre_buf_data(table->bytes), table->used - size);
    for (uint32_t i = 0; i < table->values.count; i++)
        if (values[i].kind >= CADRE_SQL_TEXT)
            values[i].is.bytes = bytes + (size_t)values[i].is.integer;
    table_free(table);
    return 0;
}

void table_free(struct table *table)
{
    rows_free(&table->values);
    cadre_buf_unref(table->bytes);
    *table = (struct table){.max = table->max};
}

/* ---- outcomes -------------------------------------------------------------------- */

void outcome_free(struct outcome *outcome)
{
    cadre_buf_unref(outcome->rows.data);
    cadre_buf_unref(outcome->error.text);
    *outcome = (struct outcome){.error.code = 0};
}

int outcome_fail(struct outcome *outcome, int code, const char *state, const char *text,
                 const char *statement)
{
    const char *in = statement ? ", in: " : "";
    statement = statement ? statement : "";
    size_t size = strlen(text) + strlen(in) + strlen(statement) + 1;
    cadre_buf *buf = cadre_buf_new(NULL, size);
    if (buf)
        (void)snprintf((char *)cadre_buf_data(buf), size, "%s%s%s", text, in,
                       statement);
    outcome_free(outcome);
    outcome->error.code = code;
    outcome->error.text = buf;
    if (state)
        (void)snprintf(outcome->error.state, sizeof outcome->error.state, "%s", state);
    return code;
}

static void fail(cadre_self *self, cadre_promise promise, int code, const char *text)
{
    body_fail(
        self, promise,
        &(cadre_failure){.code = code, .origin = cadre_me(self), .message = text});
}

/* That the time is up is told as it is of any request, whoever finds it out first. */
void outcome_answer(cadre_self *self, cadre_promise promise, struct outcome *outcome)
{
    int code = outcome->error.code, err = 0;
    if (code == -ETIMEDOUT) {
        outcome_free(outcome);
        fail(self, promise, code, NULL);
        return;
    }
    if (code)
        err = cadre_answer_as(self, promise, &cadre_sql_error_type, &outcome->error);
    else
        err = cadre_answer_as(self, promise, &cadre_sql_rows_type, &outcome->rows);
    *outcome = (struct outcome){.error.code = 0};
    if (err && err != -EALREADY)
        fail(self, promise, err, "there is no memory for the answer");
}

/* sums.c: a user's program with JSON; without jansson's own header. */
#include <cadre/actors/http_json.h>

int main(void)
{
    json_t *json;
    cadre_buf *text, *body = cadre_buf_new("[1, 2]", 6);
    int err = cadre_json_read(&json, body, NULL, NULL);
    cadre_buf_unref(body);
    if (!err)
        err = cadre_json_write(&text, json);
    if (!err && cadre_buf_size(text) != 5)
        err = 1;
    if (!err)
        cadre_buf_unref(text);
    return err != 0;
}

/* text.c: values from text, and text from values.
 *
 * jansson goes as deep as it was built to; how deep a text is, is seen before. */
#include <cadre/actors/http_json.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

enum { SIZE = 1 << 20, DEPTH = 64, DEPTH_MAX = 2048 };

/* ---- what is wrong ---------------------------------------------------------------- */

static int complain(cadre_json_error *error, int code, int line, int column,
                    const char *text)
{
    if (!error)
        return code;
    error->line = line > 0 ? (uint32_t)line : 0;
    error->column = line > 0 && column > 0 ? (uint32_t)column : 0;
    snprintf(error->text, sizeof error->text, "%s", text);
    return code;
}

static int complain_of(cadre_json_error *error, const json_error_t *said)
{
    bool is_short = json_error_code(said) == json_error_out_of_memory;
    return complain(error, is_short ? -ENOMEM : -EINVAL, said->line, said->column,
                    said->text);
}

/* ---- text to value ---------------------------------------------------------------- */

struct place {
    int line, column;
};

/* Does it go deeper than that, and where? What is no JSON is seen later. */
static bool is_deeper(const char *text, size_t size, uint32_t depth, struct place *at)
{
    bool in_string = false;
    uint32_t open = 0;
    *at = (struct place){.line = 1};
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        at->column++;
        if (c == '\n')
            *at = (struct place){.line = at->line + 1};
        else if (in_string && c == '\\')
            i++, at->column++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '[' || c == '{') && ++open > depth)
            return true;
        else if (!in_string && (c == ']' || c == '}') && open > 0)
            open--;
    }
    return false;
}

int cadre_json_read(json_t **json, cadre_buf *body, const cadre_json_limits *limits,
                    cadre_json_error *error)
{
    const cadre_json_limits usual = {0}, *l = limits ? limits : &usual;
    const char *text = body ? (const char *)cadre_buf_data(body) : "";
    size_t size = cadre_buf_size(body);
    struct place at;
    json_error_t said;
    if (!json || l->depth > DEPTH_MAX)
        return complain(error, -EINVAL, 0, 0, "limits: depth is over 2048, or no json");
    if (size == 0)
        return complain(error, -EINVAL, 0, 0, "there is no text");
    if (size > (l->size ? l->size : SIZE))
        return complain(error, -EMSGSIZE, 0, 0, "it is too long");
    if (is_deeper(text, size, l->depth ? l->depth : DEPTH, &at))
        return complain(error, -EMSGSIZE, at.line, at.column, "it goes too deep");
    json_t *value =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &said);
    if (!value)
        return complain_of(error, &said);
    *json = value;
    return 0;
}

/* ---- value to text ---------------------------------------------------------------- */

enum { FLAGS = JSON_COMPACT | JSON_ENCODE_ANY };

/* jansson needs memory, too: the second time there may be none. */
static int write_text(cadre_buf **text, const json_t *json)
{
    errno = 0;
    size_t size = json_dumpb(json, NULL, 0, FLAGS);
    if (size == 0)
        return errno == ENOMEM ? -ENOMEM : -EINVAL;
    cadre_buf *buf = cadre_buf_new(NULL, size);
    if (!buf || json_dumpb(json, (char *)cadre_buf_data(buf), size, FLAGS) != size) {
        cadre_buf_unref(buf);
        return -ENOMEM;
    }
    *text = buf;
    return 0;
}

int cadre_json_write(cadre_buf **text, json_t *take)
{
    int err = !take ? -ENOMEM : !text ? -EINVAL : write_text(text, take);
    json_decref(take);
    return err;
}

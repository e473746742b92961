/* http_files.h: the files of a directory as answers to HTTP requests.
 *
 * An actor that is passed requests: as the server's `to` (actors/http.h), or by the
 * handler of a route that ends with *, and then that part is the path:
 *
 *   static int page(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       return cadre_forward(self, *(cadre_ref *)((cadre_http_desk *)state)->context, m);
 *   }
 *
 * GET and HEAD, else 405. The answer has a type by the end of the name, the time of the
 * last change and an entity tag. A client that has it already is told so with 304
 * (If-None-Match, or else If-Modified-Since). GET of one range of bytes is answered with
 * 206, if If-Range fits, and beyond the end with 416; of several with all of the file.
 * The path of a directory is answered with its index, or with 301 where its slash is
 * missing. What is not there, or no file, is 404; what may not be read 403; what fails
 * otherwise 500.
 *
 * A file is opened on a thread of CADRE_POOL_FILES (offload.h). The system sends it to a
 * client of HTTP/1 without TLS (cadre_stream_write_file()); for others it is read there,
 * too, in pieces, as the client takes them. Several that change it meanwhile do no harm
 * but to what is read: an answer is cut off where the file is shorter than it was.
 *
 * Guarantees, each with a test of that name:
 *   root_is_not_left     a path with a segment .., however it is written, is 404. Links
 *                        are followed: what is behind them is served
 *   ranges_are_exact     the bytes that were asked for, and how many there are
 *   unchanged_is_304     as above
 *   large_file_comes_in_pieces  as above, and all of it
 *   shortened_file_is_cut  as above
 *   gone_client_leaves_no_file_open  whenever it goes */
#ifndef CADRE_ACTORS_HTTP_FILES_H
#define CADRE_ACTORS_HTTP_FILES_H
#include <cadre/http.h>
#ifdef __cplusplus
extern "C" {
#endif

/* The end of a name, with its dot, and the type of such files. */
typedef struct cadre_http_file_type {
    const char *suffix, *type;
} cadre_http_file_type;

/* Its config, which cadre_spawn() takes as init. All texts stay where they are. Without a
 * root, or with a `cache` that is no value of a field, the start fails with -EINVAL. */
typedef struct cadre_http_files {
    const char *root;                  /* a directory */
    const char *index;                 /* NULL: index.html */
    const char *cache;                 /* value of Cache-Control; NULL: none */
    const cadre_http_file_type *types; /* before those it knows; until a suffix NULL.
                                          What is in neither: application/octet-stream */
    cadre_time timeout;                /* of each call. 0: 30 s */
    uint64_t own[2];                   /* zero; the actor's own */
} cadre_http_files;
CADRE_API extern const cadre_class cadre_http_files_class;

#ifdef __cplusplus
}
#endif
#endif

/* routes.h: which route a request goes by. */
#ifndef ACTORS_HTTP_ROUTES_H
#define ACTORS_HTTP_ROUTES_H

#include <cadre/actors/http.h>

/* Each has a handler, and a path that begins with a slash. */
bool routes_are_good(const cadre_http_route *routes);
/* The first that fits, or NULL; then *path_fits says whether it is for its method. */
const cadre_http_route *routes_find(const cadre_http_route *routes,
                                    const cadre_http_request *r, bool *path_fits);
/* The methods that fit its path, as the value of Allow; cut where size ends. */
void routes_allow(const cadre_http_route *routes, const cadre_http_request *r,
                  char *bytes, size_t size);

#endif

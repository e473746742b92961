/* cadre.h: the whole core API; <cadre/dispatch.h> adds the table dispatcher, and
 * <cadre/scope.h> fork and join. */
#ifndef CADRE_H
#define CADRE_H
#include <cadre/actor.h>
#include <cadre/base.h>
#include <cadre/message.h>
#include <cadre/system.h>
#endif

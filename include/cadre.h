/* cadre.h: the whole core API. What builds on it has headers of its own: requests ask.h,
 * timers timer.h, handlers that wait await.h and async.h, futures chain.h and future.h,
 * blocking calls offload.h, fork and join scope.h, and so on; dispatch.h is the table
 * dispatcher. */
#ifndef CADRE_H
#define CADRE_H
#include <cadre/actor.h>
#include <cadre/base.h>
#include <cadre/message.h>
#include <cadre/system.h>
#endif

/* group.h: many actors behind one address.
 *
 * Actors join a group and leave it. Every message that the group gets, of any type but
 * those below, goes to all who are in it then, in the order in which it came; also to the
 * one who sent it, when that is a member. To its members it comes from the group. A
 * request is passed on as a plain message, and answered with how many got it.
 *
 * A member that has ended has left. With a name the group is found by cadre_whereis().
 * A group may be a member of other groups, not of itself, nor in a circle, where a
 * message would go round for ever.
 *
 * Guarantees, each with a test of that name:
 *   same_order        all members get what they all get in the same order; what one has
 *                     sent in the order sent
 *   members_get_all   everything that comes behind a join and before the leave, apart
 *                     from what there is no memory for
 *   dead_have_left    nothing is kept of a member that has ended; no more than `members`
 *                     are in it at a time */
#ifndef CADRE_ACTORS_GROUP_H
#define CADRE_ACTORS_GROUP_H
#include <cadre/actors/share.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. The start fails as cadre_register()
 * does: -EEXIST when somebody has the name, -EINVAL when it is none. */
typedef struct cadre_group {
    const char *name; /* outlives the group. NULL: it has none */
    /* For messages that own something (share.h). NULL: those are refused, -ENOTSUP. */
    cadre_share *share;
    uint32_t members; /* at most so many. 0: 65536 */
    bool news;        /* members get a cadre_group_news when one comes or goes */
    uint64_t own[4];  /* zero; the actor's own */
} cadre_group;

CADRE_API extern const cadre_class cadre_group_class;

/* The sender, or `who`, becomes a member, or already is one. A plain message or a
 * request, whose answer is a cadre_group_count. Failures: CADRE_EFULL (`members` are in
 * it, or the memory limit), -EINVAL (no such actor, or the group), -ENOMEM. */
typedef struct cadre_group_join {
    cadre_ref who; /* id 0: the sender */
} cadre_group_join;
CADRE_API extern const cadre_type cadre_group_join_type;

/* The opposite. What was passed on before is still to come, but before the answer.
 * Failures: -ENOENT (it is not a member). */
typedef struct cadre_group_leave {
    cadre_ref who; /* id 0: the sender */
} cadre_group_leave;
CADRE_API extern const cadre_type cadre_group_leave_type;

/* The answer to a join, a leave, and any other request that was passed on. */
typedef struct cadre_group_count {
    uint32_t count;  /* members now; those to whom it was sent */
    uint32_t missed; /* there was no memory for these */
} cadre_group_count;
CADRE_API extern const cadre_type cadre_group_count_type;

/* Who is in it? Answered with a cadre_group_list. Failures: -ENOMEM. */
typedef struct cadre_group_members {
    int none;
} cadre_group_members;
CADRE_API extern const cadre_type cadre_group_members_type;

/* In the order in which they have joined. It owns the buffer. */
typedef struct cadre_group_list {
    uint32_t count;
    cadre_buf *list; /* read it with cadre_group_at() */
} cadre_group_list;
CADRE_API extern const cadre_type cadre_group_list_type;

/* Member i of the list; id 0: there is none. Any thread. */
CADRE_API cadre_ref cadre_group_at(const cadre_group_list *list, uint32_t i);

/* To all members, with `news`: who has joined, which it is told, too, or has left. */
typedef struct cadre_group_news {
    cadre_ref who;
    bool joined;
    int reason;     /* why it has ended (watch.h); 0 also when it was to leave */
    uint32_t count; /* members now */
} cadre_group_news;
CADRE_API extern const cadre_type cadre_group_news_type;

#ifdef __cplusplus
}
#endif
#endif

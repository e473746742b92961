/* port.c: something outside that belongs to an actor: a socket, a file, a process. */
#include "actor/port.h"

#include "actor/process.h"
#include "actor/send.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const size_t port_version = sizeof(struct world);

int cadre_port_get(struct world *world, void **p, size_t size)
{
    return heap_get(&world->heap, p, size);
}

void cadre_port_put(struct world *world, void *p, size_t size)
{
    heap_put(&world->heap, p, size);
}

void cadre_port_offer(struct world *world, uint32_t worker, struct nap *nap)
{
    idle_offer(&world->sched.crew.idle, worker, nap);
}

int cadre_port_make(struct world *world, struct port **result, size_t size,
                    const struct port_class *class)
{
    void *p;
    int err = heap_get(&world->heap, &p, size);
    if (err)
        return err;
    memset(p, 0, size);
    struct port *port = *result = p;
    plain_write(&port->letter.to, LETTER_OFFLOAD);
    port->letter.place = LETTER_OF_PORT;
    bell_init(&port->bell);
    port->class = class;
    port->world = world;
    port->size = size;
    return 0;
}

void cadre_port_free(struct port *port)
{
    heap_put(&port->world->heap, port, port->size);
}

int cadre_port_check(const cadre_self *self, const char *what)
{
    return self_check_outer(self, what);
}

static void say(struct world *world, int level, const char *fmt, va_list args)
{
    char line[LOG_LINE_MAX];
    vsnprintf(line, sizeof line, fmt, args);
    log_line(&world->log, level, "%s", line);
}

int cadre_port_misuse(struct world *world, int err, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    return world_misuse(world, err, "%s", line);
}

void cadre_port_log(struct world *world, int level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(world, level, fmt, args);
    va_end(args);
}

int cadre_port_message(struct cadre_self *self, struct envelope **e,
                       const cadre_type *type, const void *body)
{
    return send_prepare(self, e, LETTER_OUTCOME, type, body);
}

void cadre_port_ring(struct port *port, uint32_t news)
{
    if (bell_ring(&port->bell, news))
        send_letter(port->world, NULL, load_acquire(&port->cell), &port->letter);
}

void cadre_port_deliver(struct port *port, struct worker *here)
{
    struct cell *cell = load_acquire(&port->cell);
    struct crew *crew = &port->world->sched.crew; /* it may be gone after the push */
    if (inbox_push(&cell->task.inbox, &port->letter.node))
        crew_wake(crew, here, &cell->task);
}

/* ---- whose it is ----------------------------------------------------------------- */

/* While there is one, something may come from outside: the system is not quiet. So it
 * counts from its first owner on, also on its way from one to the next. */
static void count(struct cadre_self *self, bool is_over)
{
    struct worker *here = self->worker;
    bias_enter(&here->bias);
    if (is_over)
        counter_add(&here->alarms.over, 1);
    else
        counter_add(&here->alarms.set, 1);
    bias_leave(&here->bias);
}

/* News are left. */
static void look_again(struct cadre_self *self, struct port *port)
{
    if (bell_ring(&port->bell, PORT_LOOK))
        send_letter(self->world, self, self_cell(self), &port->letter);
}

/* Its operation has ended: cancelled, or with its owner. */
static bool withdraw(struct cadre_self *self, void *outside)
{
    struct port *port = outside;
    port->op = NULL;
    port->unwanted = true;
    port->is_owed = true;
    port->class->abort(port);
    if (port->pending & PORT_CLOSED) /* the driver will not ring again */
        look_again(self, port);
    return false;
}

/* The operation ends, not what it is about. */
static void disown(struct cadre_self *self, struct port *port)
{
    struct op *op = port->op;
    op->outside = port->op = NULL;
    self_cell(self)->extras->ports--;
    op_end(self, op);
}

int cadre_port_own(struct cadre_self *self, struct port *port)
{
    struct op *op;
    int err = op_new_named(self, &op, OP_PORT, port->id);
    if (err)
        return err;
    err = send_prepare(self, &op->message, LETTER_OUTCOME, port->class->closed, NULL);
    if (err) {
        op_end(self, op);
        return err;
    }
    op->deadline = CADRE_NEVER; /* not for the sake of what is in hand */
    op->outside = port;
    op->withdraw = withdraw;
    port->op = op;
    port->id = op->token;
    store_relaxed(&port->owner, self_address(self));
    store_release(&port->cell, self_cell(self)); /* pairs with the ring's */
    self_cell(self)->extras->ports++;
    if (!port->is_counted)
        count(self, false);
    port->is_counted = true;
    return 0;
}

bool cadre_port_address(struct port *port, uint64_t owner)
{
    struct cell *cell = table_resolve(&port->world->table, owner);
    if (!cell)
        return false;
    store_relaxed(&port->owner, owner);
    store_release(&port->cell, cell); /* pairs with port_came's */
    return true;
}

struct port *cadre_port_find(const cadre_self *self, uint64_t id,
                             const struct port_class *class)
{
    struct op *op = op_find(self_cell(self), id);
    struct port *port = op && op->kind == OP_PORT ? op->outside : NULL;
    return port && port->class == class ? port : NULL;
}

bool cadre_port_give(struct cadre_self *self, struct port *port, uint64_t to)
{
    struct cell *cell = table_resolve(&self->world->table, to);
    if (!cell)
        return false;
    disown(self, port);
    if (port_hand_over(port, cell, to))
        send_letter(self->world, self, cell, &port->letter);
    return true;
}

/* ---- its letter came ------------------------------------------------------------- */

bool port_passes(const struct cell *cell, const struct letter *letter)
{
    const struct port *port = container_of(letter, struct port, letter);
    return load_acquire(&port->cell) != cell ||
           port->unwanted; /* pairs with cadre_port_address */
}

static void adopt(struct cadre_self *self, struct port *port)
{
    struct cell *cell = self_cell(self);
    int err = -ESHUTDOWN; /* and of a cell that is free nothing else may be read */
    if (cell_phase(cell) == PHASE_RUNNING &&
        load_relaxed(&port->owner) == cell_address(cell))
        err = process_of(cell) ? -ENOTSUP /* it could do nothing with it */
                               : cadre_port_own(self, port);
    if (!err)
        return;
    if (err == -ENOTSUP)
        log_line(&self->world->log, LOG_ERROR,
                 "a %s is closed: it was given to an isolated actor",
                 port->class->name);
    else if (err != -ESHUTDOWN)
        log_line(&self->world->log, LOG_WARN, "a %s is closed: %s", port->class->name,
                 cadre_strerror(err));
    port->unwanted = true;
    port->class->abort(port);
}

/* The driver does not know it any more. */
static void end(struct cadre_self *self, struct port *port)
{
    if (port->is_owed)
        self_cell(self)->extras->ports--;
    if (port->is_counted)
        count(self, true);
    port->class->release(port);
}

/* The last message: the one that was made ahead. */
static struct envelope *end_with_message(struct cadre_self *self, struct port *port)
{
    struct envelope *e = port->op->message;
    port->op->message = NULL;
    port->class->tell_closed(port, e->body);
    disown(self, port);
    end(self, port);
    return e;
}

struct envelope *port_came(struct cadre_self *self, struct letter *letter)
{
    struct cell *cell = self_cell(self);
    struct port *port = container_of(letter, struct port, letter);
    struct cell *home = load_acquire(&port->cell); /* pairs with cadre_port_address */
    if (home != cell) {
        send_letter(self->world, self, home, letter);
        return NULL;
    }
    port->pending |= bell_answer(&port->bell) & ~(uint32_t)PORT_LOOK;
    if (!port->op && !port->unwanted)
        adopt(self, port);
    if (port->unwanted) {
        if (port->pending & PORT_CLOSED)
            end(self, port);
        return NULL;
    }
    uint64_t id = port->id;
    struct envelope *e = NULL;
    if (port->pending & ~(uint32_t)PORT_OWN)
        e = port->class->tell(self, port);
    if (!e && port->pending & PORT_CLOSED)
        e = end_with_message(self, port);
    else if (e && port->pending) /* also while the handler of this one waits */
        look_again(self, port);
    if (!e)
        return NULL;
    counter_add(&self->accepted, 1);
    op_mark_outcome(cell, e, id);
    return e;
}

void port_told(struct cadre_self *self, uint64_t id)
{
    const struct op *op = op_find(self_cell(self), id);
    struct port *port = op && op->kind == OP_PORT ? op->outside : NULL;
    if (port && port->class->told) /* else it was closed, or is somebody else's now */
        port->class->told(port);
}

/* ---- the driver ------------------------------------------------------------------ */

bool port_makes(struct world *world, const cadre_type *type)
{
    const struct driver *driver = load_acquire(&world->driver); /* its maker's */
    return driver && driver->makes(type);
}

void port_stop(struct world *world)
{
    struct driver *driver = load_acquire(&world->driver); /* pairs with its maker's */
    if (driver)
        driver->stop(driver);
}

void port_fini(struct world *world)
{
    struct driver *driver = load_acquire(&world->driver); /* pairs with its maker's */
    if (driver)
        driver->release(driver);
}

/* topic.c: a sensor publishes, and whoever wants to know subscribes. */
#include <cadre.h>
#include <cadre/actors/topic.h>

#include <stdio.h>

static cadre_publish reading(const char *topic, int value)
{
    cadre_publish p = {.payload = cadre_buf_new(&value, sizeof value), .retain = true};
    snprintf(p.topic, sizeof p.topic, "%s", topic);
    return p;
}

static int display_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_published *p = cadre_body(m, cadre_published);
    if (!p || !p->payload)
        return cadre_unhandled(self, m);
    printf("%s: %d\n", p->topic, *(int *)(void *)cadre_buf_data(p->payload));
    return 0;
}
static const cadre_class display = {.name = "display", .receive = display_receive};

/* The display comes late, and gets what is retained. */
static int house_start(cadre_self *self, void *state)
{
    cadre_ref topic, who;
    int err = cadre_spawn(self, &topic, &cadre_topic_class, NULL);
    if (!err)
        err = cadre_spawn(self, &who, &display, NULL);
    if (err)
        return err;
    cadre_publish rain = reading("weather.rain", 3), sun = reading("weather.sun", 5);
    (void)cadre_send_as(self, topic, &cadre_publish_type, &rain);
    (void)cadre_send(self, topic, cadre_topic_subscribe, .topic = "weather.*",
                     .who = who);
    return cadre_ask_as(self, NULL, topic, CADRE_SECOND, &cadre_publish_type, &sun);
}

/* It is answered when it was sent to all; stop waits until they have read it. */
static int house_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, cadre_topic_count) ? CADRE_STOP : cadre_unhandled(self, m);
}
static const cadre_class house = {
    .name = "house", .start = house_start, .receive = house_receive};

int main(void) { return cadre_run(NULL, &house, NULL) < 0; }

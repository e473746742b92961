/* program.cc: the same user's program in C++17. */
#include <cadre.h>
#include <cadre/dispatch.h>

#include <iostream>
#include <string>

struct greeting {
    int number;
};
static CADRE_TYPE(greeting);

static int start(cadre_self *self, void *)
{
    greeting g{42};
    return cadre_send_as(self, cadre_me(self), &greeting_type, &g);
}

static int receive(cadre_self *, void *, cadre_msg *m)
{
    const greeting *g = cadre_body(m, greeting);
    return g && g->number == 42 ? CADRE_STOP : -1;
}

static const cadre_class greeter = {"greeter", 0, start, receive, nullptr, {}};

/* argv[1]: the version that was installed. */
int main(int argc, char **argv)
{
    unsigned v = cadre_version();
    std::string version = std::to_string(v / 10000) + "." +
                          std::to_string(v / 100 % 100) + "." + std::to_string(v % 100);
    if (argc != 2 || version != argv[1]) {
        std::cerr << "the library is " << version << "\n";
        return 1;
    }
    return cadre_run(nullptr, &greeter, nullptr) == 0 ? 0 : 1;
}

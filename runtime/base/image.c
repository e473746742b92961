/* image.c: what stands where in the files that this process was made of. */
#include "base/image.h"

#include <link.h>
#include <stdbool.h>

/* What needs a relocation is written before the program starts, and never after. */
static bool is_constant(const ElfW(Phdr) * p)
{
    return p->p_type == PT_GNU_RELRO ||
           (p->p_type == PT_LOAD && p->p_flags & PF_R && !(p->p_flags & PF_W));
}

static int add(struct dl_phdr_info *info, size_t size, void *user)
{
    struct image *image = user;
    for (int i = 0; i < info->dlpi_phnum && image->count < IMAGE_PIECES; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + p->p_vaddr;
        if (is_constant(p))
            image->pieces[image->count++] =
                (struct image_piece){begin, begin + p->p_memsz};
    }
    return 0;
}

void image_init(struct image *image)
{
    image->count = 0;
    dl_iterate_phdr(add, image);
}

size_t image_at(const struct image *image, const void *p)
{
    uintptr_t at = (uintptr_t)p;
    for (uint32_t i = 0; i < image->count; i++)
        if (at >= image->pieces[i].begin && at < image->pieces[i].end)
            return image->pieces[i].end - at;
    return 0;
}

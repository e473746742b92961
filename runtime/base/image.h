/* image.h: what stands where in the files that this process was made of.
 *
 * The child of a fork has the program's constants at the same addresses. So an address
 * of one can be sent to it, and comes back: but whoever gets it from there has to see
 * that it leads into a file that was there when they parted, and to what nobody can
 * have written over. */
#ifndef BASE_IMAGE_H
#define BASE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum { IMAGE_PIECES = 256 }; /* what is more is not known */

struct image {
    struct image_piece {
        uintptr_t begin, end;
    } pieces[IMAGE_PIECES];
    uint32_t count;
};

/* The constants of all that is loaded now. */
void image_init(struct image *image);

/* How many bytes of constants there are from here on. */
size_t image_at(const struct image *image, const void *p);

#endif

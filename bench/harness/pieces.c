/* pieces.c: what the kernels do in one piece, without scopes. */
#include "harness/kernels.h"

#include <string.h>

uint64_t kernel_fib_alone(uint64_t n)
{
    return n < 2 ? n : kernel_fib_alone(n - 1) + kernel_fib_alone(n - 2);
}

uint64_t kernel_queens_alone(uint32_t all, uint32_t columns, uint32_t left,
                             uint32_t right)
{
    uint64_t count = 0;
    if (columns == all)
        return 1;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        uint32_t bit = free & (~free + 1);
        count += kernel_queens_alone(all, columns | bit, (left | bit) << 1,
                                     (right | bit) >> 1);
    }
    return count;
}

void kernel_matmul_row(const struct kernel_matrices *m, size_t i)
{
    size_t n = m->size;
    double *row = m->c + i * n;
    memset(row, 0, n * sizeof *row);
    for (size_t k = 0; k < n; k++) {
        double factor = m->a[i * n + k];
        const double *other = m->b + k * n;
        for (size_t j = 0; j < n; j++)
            row[j] += factor * other[j];
    }
}

/* kernels.c: the serial elision of the kernels that scopes are measured with. */
#define CADRE_SERIAL
#include "harness/kernels.h"

int kernel_fib_serially(cadre_self *self, uint64_t n, uint64_t *result)
{
    return kernel_fib(self, n, result);
}

int kernel_queens_serially(cadre_self *self, uint64_t board, uint64_t *result)
{
    return kernel_queens(self, board, result);
}

int kernel_matmul_serially(cadre_self *self, const struct kernel_matrices *m)
{
    return kernel_matmul(self, m);
}

int kernel_empty_serially(cadre_self *self, uint64_t n, uint64_t *result)
{
    return kernel_empty(self, n, result);
}

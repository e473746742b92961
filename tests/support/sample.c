/* sample.c: the sample's serial elision. */
#define CADRE_SERIAL
#include "support/sample.h"

struct sample sample_serially(cadre_self *self) { return sample_run(self); }

/* ledger.h: the file of a journal, and who may write to it. */
#ifndef ACTORS_LEDGER_H
#define ACTORS_LEDGER_H

#include "text.h"

#include <cadre/actors/journal.h>

#include <pthread.h>

struct cadre_journal {
    int fd, fsync;
    cadre_framing framing; /* as it is in the beginning */
    bool sealed;           /* records have size and checksum in front */
    uint64_t cut;          /* bytes, when it was opened */
    pthread_mutex_t file;  /* whoever has it writes: */
    uint64_t written;      /* the number of what was written last, or tried */
    int broken;            /* why nothing may follow any more */
    char path[];
};

/* Appends a record with what belongs in front of it. */
void ledger_seal(const cadre_journal *journal, struct text *text, cadre_buf *record);
/* May a record be of that size? */
bool ledger_takes(const cadre_journal *journal, size_t size);
/* The number of what was written last, and how long the file is. */
uint64_t ledger_written(cadre_journal *journal, uint64_t *end);

struct piece {
    const uint8_t *bytes;
    size_t size;
    bool sync;
};
/* Writes it, unless it is broken, or this number was tried. Blocks. Returns why it is
 * broken, or 0. */
int ledger_write(cadre_journal *journal, uint64_t number, struct piece piece);

#endif

/* disk.h: a disk that fails, is slow, or tells what was done to it.
 *
 * The functions of the C library that write, sync and rename files are replaced by ones
 * that do as they are told here, and else what they always do. Regular files only. */
#ifndef SUPPORT_DISK_H
#define SUPPORT_DISK_H

#include "support/support.h"

extern struct disk {
    int write_code, sync_code, rename_code,
        truncate_code;      /* negative: it fails with it */
    uint64_t room;          /* bytes that are written before write_code comes */
    uint64_t most;          /* bytes that a write or read handles at once. 0: any */
    atomic_uint interrupts; /* so many reads and writes are interrupted */
    /* In order: w a write, s a sync of a file, d of a directory, r a rename. Each once
     * when it comes again at once. Not with several threads. */
    char done[256];
    bool records;
    /* While it is set, reads (at an offset) and syncs wait. */
    atomic_bool reads_wait, syncs_wait;
    atomic_uint reading, syncing; /* how many have come there, ever */
    atomic_uint syncs;
    atomic_int fd; /* of the last read */
} disk;
/* It works again, and forgets what was done. */
void disk_reset(void);

/* A new empty folder, which is removed with all in it when the program ends; and a path in
 * there, valid until eight others are asked for. */
extern char folder[];
void make_folder(void);
const char *in_folder(const char *name);
/* Makes or replaces a file with this text; or asserts that a file has it. */
void put_file(const char *path, const char *text);
void assert_file(const char *path, const char *text);
/* How many names are in the folder. */
unsigned count_names(void);

#endif

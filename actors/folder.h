/* folder.h: files and their names, by system calls that block, for threads of a pool.
 *
 * What is changed here is on the device, names included, when the call returns 0; else it
 * returns a negative code. A path that is no constant is written to meanwhile. */
#ifndef ACTORS_FOLDER_H
#define ACTORS_FOLDER_H

#include <cadre/actors/file.h>

/* Puts a whole file there, at once. */
CADRE_MUST_CHECK int folder_replace(char *path, cadre_buf *bytes);
/* written: also after a failure. Not `durable`: it is not waited for. */
CADRE_MUST_CHECK int folder_append(cadre_file_written *written, char *path,
                                   cadre_buf *bytes, bool durable);
CADRE_MUST_CHECK int folder_list(cadre_file_names *names, const char *path,
                                 uint32_t max);
/* With the directories above it; it may be there. */
CADRE_MUST_CHECK int folder_make(char *path);
CADRE_MUST_CHECK int folder_remove(char *path);
CADRE_MUST_CHECK int folder_rename(char *from, char *to);
/* Only the name of what is there. */
CADRE_MUST_CHECK int folder_sync(char *path);

#endif

/* folder.h: a folder for a test's files. */
#ifndef SUPPORT_FOLDER_H
#define SUPPORT_FOLDER_H

#include "support/support.h"

/* A new empty folder, once, which is removed with all in it when the program ends; and a
 * path in there, valid until eight others are asked for. */
extern char folder[];
void make_folder(void);
const char *in_folder(const char *name);
/* Makes or replaces a file with this text; or asserts that a file has it. */
void put_file(const char *path, const char *text);
void assert_file(const char *path, const char *text);
/* How many names are in the folder. */
unsigned count_names(void);

#endif

/* errors.h: the operating system's error codes as text. */
#ifndef BASE_ERRORS_H
#define BASE_ERRORS_H

/* For a positive errno value; NULL when there is no such. Valid for ever. */
const char *errors_text(int number);

#endif

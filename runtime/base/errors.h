/* errors.h: the operating system's error codes, and signals, as text. */
#ifndef BASE_ERRORS_H
#define BASE_ERRORS_H

/* For a positive errno value; NULL when there is no such. Valid for ever. */
const char *errors_text(int number);

/* The name of a signal that ends a process for a fault, or by force; from any handler. */
const char *errors_signal(int sig);

#endif

/*
 * includes a solution
 *
 * expects: does not compile
 * told: first error
 */
#include "../solutions/02_fork.c"

/*
 * includes a solution by its path
 *
 * expects: does not compile
 * told: first error
 * needs: a sandbox
 */
#include "{solutions}/02_fork.c"

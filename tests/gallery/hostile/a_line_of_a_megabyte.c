/*
 * a line of a megabyte
 *
 * expects: does not compile
 * told: first error
 */

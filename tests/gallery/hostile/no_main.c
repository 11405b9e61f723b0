/*
 * no main
 *
 * expects: does not compile
 * told: first error
 */
int other(void)
{
    return 0;
}

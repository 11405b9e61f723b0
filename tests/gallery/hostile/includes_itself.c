/*
 * includes itself
 *
 * expects: does not compile
 * told: first error
 */
#include __FILE__
int main(void)
{
    return 0;
}

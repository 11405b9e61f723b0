/*
 * includes dev zero
 *
 * expects: does not compile
 * told: first error
 */
#include "/dev/zero"
int main(void)
{
    return 0;
}

/*
 * an 8 GB array
 *
 * expects: does not compile
 * told: first error
 */
char a[8UL << 30] = {1};
int main(void)
{
    return a[0];
}

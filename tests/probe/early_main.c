void print_early(void);

int main(void)
{
    print_early();
    return 0;
}

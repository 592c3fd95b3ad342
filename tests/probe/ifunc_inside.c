/* A library that refers to the IFUNC of ifunc.c in its data: resolved while this library is relocated, and a preload
 * is not yet, for objects in front come last. */
void print_early(void);

void (*early_pointer)(void) = print_early;

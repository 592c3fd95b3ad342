/* Included before every file of the shim, by the build's -include: what is declared from here on is reached without a
 * table of addresses, which would have to be relocated first (IFUNC resolvers call stat before). -fvisibility=hidden
 * hides definitions alone. */
#include <link.h>

#pragma GCC visibility push(hidden)

/* Makes a whole tree of mounts read-only. */
#ifndef MOUNTS_H
#define MOUNTS_H

int protect_mounts(const char *base);

#endif

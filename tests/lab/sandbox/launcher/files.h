/* Files that a launch begins with, and looks into. */
#ifndef FILES_H
#define FILES_H

#include "request.h"

#include <stdbool.h>

bool write_file(const char *path, const char *text);
void lay_out_files(const struct request *request);
void look_into(const struct request *request);
void order_replace(const struct request *request, const char *name,
                   const char *other);

#endif

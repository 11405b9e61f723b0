# The daemon lab. `make` alone tells what there is.
#
# The work is done by tests/run, which also finds or sets up a Python that has
# pytest and psutil. Its exit status tells more than make's: see README.md.

CFLAGS ?= -std=gnu11 -O1 -g -Wall -Wextra -Wpedantic -Wshadow
PROGRAMS := $(patsubst %.c,build/%,$(wildcard steps/*.c solutions/*.c))

.DEFAULT_GOAL := help
.PHONY: help check tour build test matrix lint bench clean

help:
	@echo 'make check [STEP=3] [ANSWERS=DIR]  check your answers: those in steps/, or in DIR'
	@echo 'make tour                          the whole course in one table, from real processes'
	@echo 'make build                         compile all programs into build/, to try them by hand'
	@echo 'make test                          prove that the lab itself is right'
	@echo 'make matrix                        the same verdicts as any user, on any terminal, under any limits'
	@echo 'make lint, make bench              style of the code; how long things take'
	@echo 'Start with steps/00_background.md.'

# The values go through the environment, whole, whatever characters are in them.
export STEP ANSWERS SANDBOX CC PYTHON
# make takes any name for a variable, and a wrong one would check everything.
ifneq ($(findstring command,$(origin step)$(origin answers)),)
$(error write STEP= and ANSWERS= in capitals)
endif
check:
	@tests/run check

tour test matrix lint bench:
	@tests/run $@

# One that does not compile keeps none of the others from being built.
build:
	@$(MAKE) --keep-going --no-print-directory $(PROGRAMS)

build/%: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $<

clean:
	rm -rf build .venv

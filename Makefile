# The daemon lab. `make` alone tells what there is.
#
# The work is done by tests/run, which also finds or sets up a Python that has
# pytest and psutil. Its exit status tells more than make's: see README.md.

CFLAGS ?= -std=gnu11 -O1 -g -Wall -Wextra -Wpedantic -Wshadow

# The values that a user gives, whole, whatever characters are in them. Without
# this, make would run what stands in $(shell ...) in the name of a folder.
override STEP := $(value STEP)
override ANSWERS := $(value ANSWERS)
override SANDBOX := $(value SANDBOX)
override V := $(value V)
override JSON := $(value JSON)
override KEEP := $(value KEEP)
override SVG := $(value SVG)
override PYTHON := $(value PYTHON)
override TAPE := $(value TAPE)
override CC := $(value CC)
override CFLAGS := $(value CFLAGS)
export STEP ANSWERS SANDBOX V JSON KEEP SVG PYTHON TAPE CC

PROGRAMS := $(patsubst %.c,build/%,$(wildcard steps/*.c solutions/*.c))

.DEFAULT_GOAL := help

.PHONY: help check tour try demo log stop build test proof matrix lint bench clean

help:
	@echo 'make check [STEP=NN] [ANSWERS=DIR] check your answers: those in steps/, or in DIR; V=1 lists every check'
	@echo 'make check JSON=FILE               the same, and the results as data: see tests/REPORT.md'
	@echo 'make tour [ANSWERS=DIR]            the whole course in one table, from real processes'
	@echo 'make try STEP=NN                   your own program, as the kernel sees it; KEEP=1 opens a shell beside it'
	@echo 'make demo STEP=NN                  the damage without a step, and the same with it'
	@echo 'make log, make stop                show what reaches the log; end what you left running from build/'
	@echo 'make build                         compile all programs into build/, to try them by hand'
	@echo 'make test                          test the lab itself; what is known of answers is judged from a tape'
	@echo 'make test STEP=NN                  only what tells of this step: tests/run test --help tells more'
	@echo 'make proof                         the same, with every answer launched (make test TAPE=no)'
	@echo 'make matrix                        the same verdicts as any user, on any terminal, under any limits'
	@echo 'make lint, make bench              style of the code; how long things take'
	@echo 'Start with $(firstword $(sort $(wildcard steps/*.md))).'

# make takes any name for a variable, and a wrong one would check everything.
ifneq ($(findstring command,$(origin step)$(origin answers)$(origin v)),)
$(error write STEP=, ANSWERS= and V= in capitals)
endif

# With sh, because a file system may be mounted so that no program on it can be run.
check tour try demo log stop test matrix lint bench:
	@sh tests/run $@

proof:
	@TAPE=no sh tests/run test

# A program that does not compile loses its old one, and keeps none of the others from being built.
build: $(PROGRAMS)
	@made=0; missing=0; names=; \
	for program in $(PROGRAMS); do \
	    if test -e "$$program"; then made=$$((made + 1)); \
	    else missing=$$((missing + 1)); names="$$names $${program#build/}"; fi; \
	done; \
	line="$$made of $(words $(PROGRAMS)) programs compiled into build/."; \
	if test $$missing = 0; then echo "$$line"; \
	else echo "$$line $$missing did not compile:$$names."; exit 1; fi

build/%: %.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $< || rm -f $@

clean:
	rm -rf build .venv

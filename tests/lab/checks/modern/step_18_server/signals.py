"""Which signals the server may ignore or block, beside those of step 15."""

from __future__ import annotations

import signal
from dataclasses import replace

from lab.checks.beyond import step_08_sighup as step_08
from lab.checks.beyond import step_12_ready_pipe as step_12
from lab.checks.beyond import step_15_reload as step_15
from lab.checks.beyond.step_10_reset_state import HELD, kept, stands_alone
from lab.checks.beyond.step_14_stop import TAKEN
from lab.checks.check import Finding, Wrong, check
from lab.facts import Observation

# SIGPIPE tells a server that a client has gone, SIGCHLD that a child has. It may ignore, block or handle both.
OF_CLIENTS = {signal.SIGPIPE, signal.SIGCHLD}
# One that the program takes for a timer, or that it blocks wherever it blocks the others.
OF_TIMERS = {signal.SIGALRM}


@check(
    read="signal(7), execve(2)",
    scene=HELD,
    follows=[step_15.takes_hangup, step_08.ignores_hangup, step_12.one_lives_on],
    replaces=[step_15.signals_reset],
    adds_nothing=True,
)
def signals_reset(o: Observation) -> Finding:
    """no signal stays ignored or blocked but those that it needs."""
    p = o.process
    may_be_blocked = TAKEN | OF_CLIENTS | OF_TIMERS
    is_reset = p is not None and p.blocked | p.awaited <= may_be_blocked and kept(o) <= OF_CLIENTS
    if is_reset and stands_alone(o):
        return None
    finding = step_15.signals_reset.judge(o)  # it allows less, so it fails here
    if not isinstance(finding, Wrong):
        return finding
    return replace(finding, expected=f"{finding.expected}; SIGPIPE and SIGCHLD may be ignored or blocked too")

"""Step 19: one service for both worlds. The checks of steps 17 and 18 are made again, in scenes of this step.

    launches.py     how it is started
    again.py        a check of an earlier step, made again
    daemon.py       with -d: step 18 again
    foreground.py   without -d: step 17 again
    statuses.py     its exit status where it does not start
    by_hand.py      in the foreground, where nobody passes a socket
"""

from lab.checks.modern.step_19_service import by_hand, daemon, foreground, statuses
from lab.checks.modern.step_19_service.launches import DAEMON

USUAL = DAEMON  # a check in the foreground has a scene that leaves nothing open

CHECKS = [
    *daemon.DAEMON_AGAIN.values(),
    *foreground.FOREGROUND_AGAIN.values(),
    *daemon.BONUS,
    *foreground.BONUS,
    daemon.keeps_no_variable,
    daemon.interrupted,
    statuses.help,
    statuses.misused,
    statuses.value_missing,
    statuses.word_too_many,
    statuses.no_address,
    statuses.no_config,
    statuses.not_allowed,
    statuses.port_not_allowed,
    statuses.config_of_user,
    by_hand.by_hand_served,
    by_hand.by_hand_pid_file,
    by_hand.by_hand_user,
    by_hand.by_hand_no_config,
    by_hand.by_hand_leaves_nothing,
    by_hand.passed_first,
]

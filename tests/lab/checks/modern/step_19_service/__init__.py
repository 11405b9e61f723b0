"""Step 19: one service in both styles. The checks of the steps before are made again, in scenes of this step.

    launches.py     how it is started, and what can be seen of it
    again.py        a check of an earlier step, made again
    daemon.py       with -d: steps 00 to 14 again
    foreground.py   without -d: steps 16 and 17 again
    descriptors.py  which descriptors it has open
    addresses.py    -l: where it listens, and what clients get there
    statuses.py     its exit status where it does not start
    by_hand.py      in the foreground, where nobody passes a socket
"""

from lab.checks.modern.step_19_service import addresses, by_hand, daemon, descriptors, foreground, statuses
from lab.checks.modern.step_19_service.launches import DAEMON

USUAL = DAEMON  # a check in the foreground has a scene that leaves nothing open

CHECKS = [
    *daemon.DAEMON_AGAIN.values(),
    *foreground.FOREGROUND_AGAIN.values(),
    *daemon.BONUS,
    *foreground.BONUS,
    descriptors.null_device_log_file_and_sockets,
    daemon.keeps_no_variable,
    statuses.help,
    statuses.misused,
    statuses.value_missing,
    statuses.word_too_many,
    statuses.no_address,
    statuses.no_config,
    statuses.not_allowed,
    statuses.port_not_allowed,
    addresses.serves_at_path,
    addresses.serves_at_host,
    addresses.stays_locked,
    addresses.serves_at_all,
    addresses.serves_at_version_6,
    addresses.greets_as_configured,
    addresses.reload_loses_nobody,
    addresses.stop_loses_nobody,
    statuses.leaves_nothing,
    addresses.interrupted,
    statuses.config_of_user,
    by_hand.by_hand_served,
    by_hand.by_hand_pid_file,
    by_hand.by_hand_user,
    by_hand.by_hand_no_config,
    by_hand.by_hand_leaves_nothing,
    by_hand.passed_first,
    addresses.takes_over_path,
    addresses.starts_at_once,
    addresses.no_socket_there,
    addresses.path_in_use,
    addresses.port_too_high,
    addresses.no_port,
    addresses.port_unknown,
    addresses.not_our_address,
    addresses.path_too_long,
]

"""Step 18: the daemon serves clients. Without -l it is still the daemon of step 15.

    launches.py     how it is started, and what clients get there
    descriptors.py  which descriptors it has open
    signals.py      which signals it may ignore
    paths.py        -l PATH
    hosts.py        -l HOST:PORT
    clients.py      what clients get, whatever others do
"""

from lab.checks.modern.step_18_server import clients, descriptors, hosts, paths, signals

CHECKS = [
    paths.serves_at_path,
    descriptors.null_device_log_file_and_sockets,
    descriptors.nothing_of_roots_open,
    signals.signals_reset,
    paths.socket_mode,
    paths.long_name,
    paths.path_with_colon,
    paths.takes_over_path,
    paths.no_socket_there,
    paths.path_in_use,
    paths.busy_path,
    paths.leaves_others_path,
    paths.leaves_nothing,
    hosts.serves_at_host,
    hosts.stays_locked,
    hosts.serves_at_version_6,
    hosts.serves_at_all,
    hosts.starts_at_once,
    hosts.port_in_use,
    hosts.half_in_use,
    hosts.other_half_in_use,
    hosts.port_too_high,
    hosts.port_zero,
    hosts.port_with_blank,
    hosts.port_with_sign,
    hosts.abstract_address,
    clients.greets_as_configured,
    clients.reload_loses_nobody,
    clients.stop_loses_nobody,
    clients.stops_soon,
    clients.listens_as_root,
    clients.holds_nobody_up,
    clients.outlives_clients,
    clients.hears_clients_out,
    clients.waits_for_descriptors,
    hosts.no_port,
    hosts.port_unknown,
    hosts.not_our_address,
    hosts.path_too_long,
]

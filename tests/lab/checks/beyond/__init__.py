"""What the recipe leaves out: SIGHUP, the second fork, inherited state, PID file, readiness, privileges, signals."""

"""For those who work on the lab itself: measurements, other environments, linters. Nothing else imports it."""

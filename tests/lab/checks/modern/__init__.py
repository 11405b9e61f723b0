"""The modern way: what a service manager does for a service, and one that can do both."""

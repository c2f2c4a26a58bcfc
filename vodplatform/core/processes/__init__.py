"""Child processes and management commands."""

"""Child processes, and the commands that people start."""

"""Stored files, disk space, and the installation."""

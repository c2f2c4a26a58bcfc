"""Stored files and disk space, and the check that database, file store and SECRET_KEY belong together."""

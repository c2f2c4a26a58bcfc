"""Helpers for database rows, shared by several apps."""

"""Helpers for requests, answers, WebSockets and calls to other servers."""

"""Requests, answers, sockets and calls of other servers."""

"""Requests, answers, sockets and calls to other servers."""

#!/usr/bin/env python
"""Entry point of management commands."""

from vodplatform.__main__ import main

if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Entry point of every management command: see vodplatform/__main__.py."""

from vodplatform.__main__ import main

if __name__ == "__main__":
    main()

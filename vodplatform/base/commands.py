"""What every management command of the program shares: ``--data-dir`` in its help (manage.py takes it)."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Base of our commands. ``--data-dir`` is consumed by manage.py before the settings are read."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data-dir", help="where database and made files are; default VOD_DATA_DIR or data/")

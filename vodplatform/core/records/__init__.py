"""Rules that tables of all parts follow."""

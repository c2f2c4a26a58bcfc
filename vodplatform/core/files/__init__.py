"""Where files lie, whether there is room for them, and which installation they belong to."""

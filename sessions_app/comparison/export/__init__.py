"""The child that makes one video of a comparison; free of Django."""

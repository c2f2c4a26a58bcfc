"""Export of a comparison to one video."""

"""What the viewsets of all parts share."""

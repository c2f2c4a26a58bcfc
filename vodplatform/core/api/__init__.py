"""Helpers shared by the API's viewsets."""

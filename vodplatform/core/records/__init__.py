"""Rules shared by the tables of several apps."""

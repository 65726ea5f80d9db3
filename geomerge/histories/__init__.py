"""Official lists of changes, read as plans."""

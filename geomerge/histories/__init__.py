"""Official lists of changes, read as plans; and histories, some of which ship."""

"""What each file format is made of; ``layers`` and ``rewrite`` are the door to them."""

"""``python -m geomerge`` is the command ``geomerge``."""

from geomerge.cli import main

main()

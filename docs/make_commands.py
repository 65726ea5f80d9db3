"""Write docs/commands.md from the help of the commands: ``python docs/make_commands.py``."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from geomerge.cli import main

TARGET = Path(__file__).with_name("commands.md")
HEAD = """# Commands

The text of `geomerge --help` and of each command. Made by `python docs/make_commands.py`.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD, block([])]
    for name in main.list_commands(click.Context(main)):
        parts += [f"## {name}\n", block([name])]
        command = main.commands[name]
        if isinstance(command, click.Group):
            for inner in command.commands:
                parts += [f"## {name} {inner}\n", block([name, inner])]
    return "\n".join(parts)


def block(arguments: list[str]) -> str:
    """Return the help of one command as a block of text."""
    done = CliRunner().invoke(main, [*arguments, "--help"], prog_name="geomerge", terminal_width=100)
    return f"```text\n{done.stdout.rstrip()}\n```\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")

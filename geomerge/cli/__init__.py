"""The command line: each command reads its arguments, calls one function, prints the result."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from geomerge.cli import (
    cluster,
    databases,
    inventory,
    jobs,
    keys,
    maps,
    notice,
    registers,
    simplify,
    streets,
    tables,
    times,
    verify,
)

EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143


class _Group(click.Group):
    """Turns what goes wrong into one message and an exit code: 1 findings block, 2 bad input, 130 interrupted."""

    def invoke(self, ctx: click.Context) -> Any:
        from geomerge.errors import GeomergeError

        # a scheduler's time-out cleans up like Ctrl-C
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
        try:
            return super().invoke(ctx)
        except GeomergeError as error:
            for fault in error.faults:
                click.echo(f"geomerge: {fault}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("geomerge: interrupted. The previous results are as they were.", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:  # the reader of our output has gone
            sys.stderr.close()
            ctx.exit(0)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)  # in the order of the work, not of the alphabet


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="geomerge")
def main() -> None:
    """From a dated plan of changes to new boundaries, reassigned parcels and updated layers.

    Exit codes: 0 done, 1 a finding blocks, 2 bad input or usage.
    """


for command in (
    inventory.inventory,
    jobs.check,
    jobs.run,
    verify.verify,
    streets.streets,
    notice.notice,
    maps.maps,
    tables.pieces,
    tables.dissolve,
    tables.reassign,
    keys.keys,
    tables.export,
    databases.deliver,
    simplify.simplify,
    times.diff,
    times.changes,
    times.crosswalk,
    keys.lookup,
    times.vintage,
    times.restate,
    registers.recode,
    cluster.cluster,
    jobs.schema,
):
    main.add_command(command)

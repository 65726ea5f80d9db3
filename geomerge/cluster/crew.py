"""The workers of a run: started here or found by the address of their scheduler, looked over, and waited for."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

import geopandas as gpd
from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, get_worker

from geomerge.cluster.nearby import Territory
from geomerge.cluster.work import Orders
from geomerge.errors import GeomergeError, InputError, LayerError
from geomerge.findings import Finding, Report
from geomerge.progress import progress

PAUSE = 0.05  # seconds between two looks at what is done
WATCH = 5.0  # seconds after which the workers are looked for where nothing got done
BATCH = 1000  # tasks that are handed over at once
OWN, BENEATH = "geomerge", ("python", "geopandas", "pandas", "pyarrow", "shapely", "geos")

Task = Callable[[Orders, Territory, Any], Any]


class Desk(WorkerPlugin):
    """What lies ready on each worker: its orders, and the pieces.

    A worker gets it when it joins, be it at the start or in the place of one that died. The pieces come from a
    file next to the results: handing them from worker to worker would lose them with the last one that has them.
    """

    def __init__(self, orders: Orders, pieces: str, ours: bool) -> None:
        self.name = f"geomerge-{uuid.uuid4().hex}"
        self.orders = orders
        self.pieces = pieces
        self.ours = ours

    def setup(self, worker: Any) -> None:  # noqa: ARG002
        if self.ours:  # a terminal interrupts all of its processes; those that we started we also end
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.territory = Territory(gpd.read_parquet(self.pieces))


class Crew:
    """Workers that can be given tasks.

    Parameters
    ----------
    client
        The way to their scheduler.
    timeout
        Seconds to wait for a worker where none is left.
    ours
        Whether they were started here, and end with the work.
    """

    def __init__(self, client: Client, timeout: float, *, ours: bool = False) -> None:
        self._client = client
        self._address = client.scheduler_info()["address"]
        self._timeout = timeout
        self._ours = ours

    @contextlib.contextmanager
    def seated(self, orders: Orders, pieces: str) -> Iterator[Callable[[str, Task, Sequence[Any]], list[Any]]]:
        """Lay orders and pieces ready on all workers; give a :meth:`map` for tasks that use them."""
        desk = Desk(orders, pieces, self._ours)
        try:
            try:
                self._client.register_plugin(desk)
            except OSError as error:
                raise InputError(
                    f"A worker does not see {orders.folder} ({error.strerror or error}). Write to a folder that all "
                    f"machines have in the same place."
                ) from error
            yield lambda what, task, items: self.map(what, partial(_at_desk, desk.name, task), items)
        finally:  # a desk that stays would keep workers that join later from starting
            with contextlib.suppress(OSError, CancelledError, TimeoutError):  # all of them may be gone
                self._client.unregister_worker_plugin(desk.name)

    def map(self, what: str, task: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Do a task for each item and return the results in the order of the items.

        The scheduler gives the task of a worker that died to another one. A task that fails is tried once more,
        since shared folders stumble; what fails again is told together with all else that does.
        """
        run = uuid.uuid4().hex[:8]
        keys = [f"{what.lower().replace(' ', '-')}-{run}-{number}" for number in range(len(items))]
        futures = self._client.map(task, items, key=keys, pure=False, retries=1, batch_size=BATCH)
        results: dict[int, Any] = {}
        faults: dict[int, list[str]] = {}
        try:
            for number in progress(self._finished(futures), what, total=len(items)):
                try:
                    results[number] = futures[number].result()
                except GeomergeError as error:
                    faults[number] = str(error).splitlines()
                except KilledWorker as error:
                    faults[number] = [_killed(items[number], error)]
        except CancelledError as error:
            raise _lost(self._address) from error
        finally:
            self._client.cancel(futures)
        if faults:
            raise LayerError(*dict.fromkeys(fault for number in sorted(faults) for fault in faults[number]))
        return [results[number] for number in range(len(items))]

    def _finished(self, futures: Sequence[Any]) -> Iterator[int]:
        """Yield the numbers of futures as they finish; InputError where nobody is left to finish them."""
        pending = dict(enumerate(futures))
        last = seen = time.monotonic()
        while pending:
            done = [number for number, future in pending.items() if future.done()]
            for number in done:
                del pending[number]
                yield number
            now = time.monotonic()
            if done:
                last = seen = now
            elif now - seen > WATCH:
                seen = now
                if self._anyone():
                    last = now
                elif now - last > self._timeout:
                    raise InputError(
                        f"No worker is left at {self._address}, and none came for {self._timeout:g} "
                        f"seconds. Start workers, with more memory if they were killed."
                    )
            time.sleep(0 if done else PAUSE)

    def _anyone(self) -> bool:
        try:
            return bool(self._client.nthreads())
        except (OSError, CancelledError, TimeoutError) as error:
            raise _lost(self._address) from error


@contextlib.contextmanager
def crew(scheduler: str | None, workers: int | None, timeout: float, report: Report) -> Iterator[Crew]:
    """Give the workers of a scheduler, or start some here; those started here end with the work.

    Raises
    ------
    InputError
        If no scheduler answers, no worker is there in time, or one has another version of geomerge.
    """
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            # one process a core: most of the work holds the lock of its interpreter
            cluster = LocalCluster(
                n_workers=workers or os.cpu_count() or 1,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",  # where nobody else listens
                silence_logs=logging.CRITICAL,
            )
            client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
        else:
            client = stack.enter_context(_connected(scheduler, timeout))
            try:
                client.wait_for_workers(workers or 1, timeout=timeout)
            except TimeoutError as error:
                raise InputError(
                    f"The scheduler at {scheduler} has {len(client.nthreads())} workers, and not {workers or 1} "
                    f"after {timeout:g} seconds. Start workers: dask worker {scheduler}"
                ) from error
        look_over(client, report)
        yield Crew(client, timeout, ours=scheduler is None)


def look_over(client: Client, report: Report) -> None:
    """Raise InputError where a worker or the scheduler has another geomerge; report what may differ in digits."""
    probe = _probe()
    there = {f"the worker {address}": told for address, told in client.run(probe).items()}
    there["the scheduler"] = client.run_on_scheduler(probe)
    compare(probe(), there, report)


def compare(here: Mapping[str, str], there: Mapping[str, Mapping[str, str]], report: Report) -> None:
    """Compare versions.

    Examples
    --------
    >>> compare({"geomerge": "2"}, {"the worker a": {"geomerge": "1"}}, print)
    Traceback (most recent call last):
        ...
    geomerge.errors.InputError: geomerge is 1 on the worker a, but 2 here. Install the same version everywhere.
    """
    faults = []
    for who, told in there.items():
        if OWN not in told:
            faults.append(f"{who[0].upper()}{who[1:]} has no geomerge. Install geomerge {here[OWN]} there.")
        elif told[OWN] != here[OWN]:
            faults.append(
                f"geomerge is {told[OWN]} on {who}, but {here[OWN]} here. Install the same version everywhere."
            )
    if faults:
        raise InputError(*faults)
    for name in BENEATH:
        if odd := {who: told.get(name) for who, told in there.items() if told.get(name) != here.get(name)}:
            who, other = next(iter(odd.items()))
            what = f"{name} is {other} on {who}, but {here.get(name)} here; results may differ in their last digits"
            report(Finding("should", "versions", what, "cluster", "Install the same versions everywhere."))


def _connected(scheduler: str, timeout: float) -> Client:
    try:
        return Client(scheduler, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # no answer, or no address at all
        raise InputError(
            f"No scheduler answers at {scheduler} within {timeout:g} seconds. Is the address right "
            f"(tcp://machine:8786), and does it run there (dask scheduler)?"
        ) from error


def _at_desk(desk: str, task: Task, item: Any) -> Any:
    """Do a task with what lies ready on the worker that does it."""
    own: Any = get_worker().plugins[desk]
    try:
        return task(own.orders, own.territory, item)
    except OSError as error:
        raise LayerError(
            f"{item} could not be done by the worker {get_worker().address}: {error}. Let all machines see the same "
            f"folders in the same places."
        ) from error


def _killed(item: object, error: KilledWorker) -> str:
    return (
        f"{item} was given up: {error.allowed_failures + 1} workers died over it, most likely for want of memory. "
        f"Make partitions smaller (rows), or give workers more memory."
    )


def _lost(scheduler: str) -> InputError:
    return InputError(f"The scheduler at {scheduler} is gone. Start it and its workers, then try again.")


def _probe() -> Callable[[], dict[str, str]]:
    """Return a function that tells versions; being local, it travels whole to where there may be no geomerge."""

    def told() -> dict[str, str]:
        import platform
        from importlib.metadata import PackageNotFoundError, version

        found = {"python": platform.python_version()}
        for name in ("geomerge", "geopandas", "pandas", "pyarrow", "shapely"):
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        if "shapely" in found:
            import shapely

            found["geos"] = shapely.geos_version_string
        return found

    return told

"""A PostgreSQL server with PostGIS of the tests' own: made in a folder of its own, cheap, gone when they end."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ACCOUNTS = ("postgres", "nobody")  # who runs the server where the tests run as root, which it refuses
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "autovacuum": "off",
    "jit": "off",
    "max_wal_size": "256MB",
    "logging_collector": "off",
    "timezone": "UTC",
}
PASSWORD = "s3cret-pässword%40/:"  # of the owner, asked for over TCP; with all that a URL has to escape


def binaries() -> Path | None:
    """Return the folder of the server's programs, None where there is no server with PostGIS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name.split(".")[0]))
    program = shutil.which("pg_config")
    if program:
        told = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        found.insert(0, Path(told))
    return next((folder for folder in reversed(found) if (folder / "initdb").exists() and _has_postgis(folder)), None)


def _has_postgis(folder: Path) -> bool:
    program = folder / "pg_config"
    if not program.exists():
        return bool(list(Path("/usr/share/postgresql").glob("*/extension/postgis.control")))
    shared = subprocess.run([program, "--sharedir"], capture_output=True, text=True, check=True).stdout.strip()
    return (Path(shared) / "extension" / "postgis.control").exists()


class Server:
    """A server: connections over its socket are trusted, those over TCP need the password."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="gm-pg-"))
        self.owner = "owner"
        self.port = 0
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster and start it; its first database has PostGIS, and all others are copies of it."""
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = next(pwd.getpwnam(name) for name in ACCOUNTS if _known(name))
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        secret = self.folder / "secret"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        initdb = [
            self.programs / "initdb", "-D", self.folder / "data", "-U", self.owner, "-E", "UTF8", "--locale=C", "-N",
            "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}",
        ]  # fmt: skip
        subprocess.run(initdb, check=True, capture_output=True, cwd=self.folder, **self._as)
        secret.unlink()
        self.run()
        with self.connected("template1") as connection:
            connection.execute("CREATE EXTENSION postgis")

    def run(self) -> None:
        """Start the server process and wait until it answers."""
        import psycopg

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        settings |= {"listen_addresses": "127.0.0.1"}
        told = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", *told],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, **self._as,
            )  # fmt: skip
        for _ in range(300):
            with contextlib.suppress(psycopg.OperationalError), self.connected("template1"):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text(encoding="utf-8"))

    def halt(self) -> None:
        """Stop the server process at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def stop(self) -> None:
        """Stop the server and remove all it wrote."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def connected(self, database: str) -> Iterator[Any]:
        """Give a connection of the owner that commits each statement."""
        import psycopg

        place = {"host": str(self.folder), "port": self.port, "user": self.owner, "dbname": database}
        with psycopg.connect(**place, autocommit=True) as connection:
            yield connection

    def database(self) -> Database:
        """Return a new database with PostGIS in it."""
        self._count += 1
        name = f"db{self._count}"
        with self.connected("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template1")
        return Database(self, name)


class Database:
    """One database of the server."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name

    @property
    def url(self) -> str:
        """The database over the socket, without a password."""
        return self.url_of(self.server.owner)

    def url_of(self, user: str) -> str:
        """Return the database over the socket as another role."""
        return f"postgresql://{user}@/{self.name}?host={self.server.folder}&port={self.server.port}"

    @property
    def tcp(self) -> str:
        """The database over TCP, where a password is asked for."""
        return f"postgresql://{self.server.owner}@127.0.0.1:{self.server.port}/{self.name}"

    def execute(self, *statements: str) -> list[Any]:
        """Run statements one by one, and return the rows of the last."""
        with self.server.connected(self.name) as connection:
            for statement in statements:
                done = connection.execute(statement)
            return list(done.fetchall()) if done.description else []

    def connect(self) -> Any:
        """Return a connection whose statements are one transaction."""
        import psycopg

        return psycopg.connect(self.url)


def _known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True

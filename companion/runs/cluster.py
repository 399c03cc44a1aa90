"""Cells on a Dask cluster."""

import logging
import socket
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from urllib.parse import urlsplit

from dask.distributed import Client, KilledWorker

from companion.runs.identity import code_id
from companion.runs.workers import RunError

CONNECT = 5  # seconds within which a scheduler must answer


@contextmanager
def cluster(address: str, cells: tuple[tuple[str, ...], str, str], code: str) -> Iterator[Executor]:
    """A Dask cluster as an executor. A cell whose worker dies is run again elsewhere by the scheduler.

    cells, code     what ``code_id`` is asked, and what it answers here: workers of other code are refused.
    """
    # else a lost scheduler prints its tracebacks
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    _check_address(address)
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise RunError(f"no Dask scheduler answers at {address!r} ({error}); check the address") from None
    with client:
        _check_workers(client, address, cells, code)
        executor = client.get_executor(pure=False)
        try:
            yield executor
        except KilledWorker as error:
            raise RunError(f"a cell cannot be run: {error}") from None
        except CancelledError:
            raise RunError(f"lost the Dask scheduler at {address!r}; the same command resumes") from None
        finally:
            executor.shutdown(wait=False)


def _check_address(address: str) -> None:
    """raises RunError for what is no address, and for something else than a scheduler that listens there."""
    found = urlsplit(address)
    try:
        port = found.port
    except ValueError:
        port = None
    if found.scheme != "tcp" or not found.hostname or not port:
        raise RunError(f"--scheduler takes an address like tcp://host:8786, got {address[:80]!r}")
    try:
        with socket.create_connection((found.hostname, port), CONNECT) as line:
            line.settimeout(CONNECT)
            answered = line.recv(1)  # a scheduler greets whoever calls
    except (OSError, ValueError) as error:
        raise RunError(
            f"no Dask scheduler answers at {address[:80]!r} ({error}); check the address"
        ) from None
    if not answered:
        raise RunError(f"no Dask scheduler answers at {address[:80]!r}; check the address")


def _check_workers(client: Client, address: str, cells: tuple[tuple[str, ...], str, str], code: str) -> None:
    module = cells[1]
    try:
        client.run_on_scheduler(code_id, *cells)  # it reads the tasks it hands out
    except Exception as error:  # whatever an environment without our code raises
        raise RunError(
            f"the Dask scheduler at {address} cannot load {module} ({error}); install it there"
        ) from None
    found = client.run(code_id, *cells, on_error="return")
    if not found:
        warnings.warn(f"the Dask scheduler at {address} has no workers yet; waiting for them", stacklevel=6)
    for worker, answer in found.items():
        if isinstance(answer, Exception):
            raise RunError(f"Dask worker {worker} cannot load {module} ({answer}); install it there")
        if answer != code:
            raise RunError(
                f"Dask worker {worker} runs other code ({answer}) than this process ({code}); restart it"
            )

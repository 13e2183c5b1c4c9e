"""A Ray cluster: one on this machine, or the one at an address."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

from bundles import ROOT
from cardiac.errors import ConfigError, extra, first_line

REQUIREMENTS = "requirements-scale.txt"
PATIENCE_S = 5.0
LEFT_OUT = [".git", ".venv", "data", "runs", "results", "docs", "tests", "webapp", "benchmarks/results"]


def ray_of(module: str = "ray") -> Any:
    """Ray, or a module of it. Raises ConfigError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what fails is said in a sentence of ours
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # its tables of what runs; ours come at the end
    return extra(module, REQUIREMENTS, ConfigError)


def check_address(address: str | None) -> None:
    """Raise ConfigError where nobody listens at a cluster's address; Ray itself would ask for many minutes."""
    if address in (None, "auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"no Ray cluster answers at {address} ({first_line(error)}): give --address host:port or ray://host:port of "
            "its head, or leave it out for a cluster on this machine"
        ) from error


@contextmanager
def cluster(address: str | None = None, n_cpus: int | None = None) -> Iterator[int]:
    """Be connected to a cluster for as long as this lasts; gives its processors. One on this machine without an address.

    n_cpus : of a cluster on this machine. The code goes along to other machines, which need the same packages.
    Raises ConfigError where nobody answers at the address.
    """
    ray = ray_of()
    check_address(address)
    is_ours = not ray.is_initialized()
    if is_ours:
        settings: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if address:
            settings |= {"address": address, "runtime_env": {"working_dir": str(ROOT), "excludes": LEFT_OUT}}
        else:
            paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
            settings |= {"num_cpus": n_cpus, "include_dashboard": False}
            settings |= {"runtime_env": {"env_vars": {"PYTHONPATH": paths}}, "address": "local"}
        try:
            with redirect_stderr(StringIO()):
                ray.init(**settings)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError, OSError) as error:
            raise ConfigError(
                f"no Ray cluster answers at {address or 'this machine'} ({first_line(error)}): check --address, "
                "or leave it out for a cluster on this machine"
            ) from error
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        if is_ours:
            ray.shutdown()

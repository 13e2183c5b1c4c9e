"""A run on two Ray nodes of which one worker is killed, and then one node: python -m tests.scale.killed SOURCE OUT."""

import json
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

from scale.batch import read_many
from scale.cluster import ray_of

MARK = b"ECG_TEST_RUN=" + os.environ.setdefault("ECG_TEST_RUN", uuid.uuid4().hex).encode()

# A node that answers nobody is dead after a second and a half, not after fifteen.
NOTICED_SOON = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
}


def environment_of(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


def workers(name: bytes) -> list[int]:
    """Processes of Ray, begun by this one, in whose title the name stands."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            told = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
        except OSError:
            continue
        if told.startswith(b"ray::") and name in told and MARK in environment_of(folder):
            found.append(int(folder.name))
    return found


def wait_for(out: Path, n: int) -> None:
    while len(list(out.glob("part=*/findings.parquet"))) < n:
        time.sleep(0.01)


def main(source: str, out: Path) -> None:
    os.environ["PYTHONPATH"] = str(Path.cwd())
    ray = ray_of()
    nodes = ray_of("ray.cluster_utils").Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "_system_config": NOTICED_SOON},
    )
    second = nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, logging_level="ERROR", log_to_driver=False)
    told = {"killed": 0}

    def harm() -> None:
        wait_for(out, 2)
        alive = workers(b"Reader")
        for pid in alive[:1]:
            os.kill(pid, signal.SIGKILL)
            told["killed"] = pid
        wait_for(out, 8)
        nodes.remove_node(second, allow_graceful=False)

    threading.Thread(target=harm, daemon=True).start()
    totals = read_many(source, out, part_size=5)
    print(json.dumps(told | {"totals": totals, "nodes": sum(node["Alive"] for node in ray.nodes())}))
    ray.shutdown()
    nodes.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

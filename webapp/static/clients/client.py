import json
import os
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from urllib.parse import quote

SITE = os.environ.get("ECG_SITE", "http://127.0.0.1:5000")
KEY = os.environ.get("ECG_KEY", "")


def ask(path: str, body: bytes | None = None, kind: str = "application/json") -> dict:
    """What the site answers; urllib.error.HTTPError where it refuses, with the reason in its body."""
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {KEY}"} if KEY else {})
    request = urllib.request.Request(f"{SITE}/api/v1/{path}", data=body, headers=headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def read_recording(path: str) -> tuple[dict[str, dict], list[dict]]:
    """Upload one file; its findings, by the recordings' names, and what was refused."""
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{Path(path).name}"\r\n\r\n'
    body = head.encode() + Path(path).read_bytes() + f"\r\n--{edge}--\r\n".encode()
    job = ask("records", body, f"multipart/form-data; boundary={edge}")["job"]
    while (state := ask(f"jobs/{job}"))["state"] not in ("done", "failed", "cancelled"):
        time.sleep(0.2)
    return {name: ask(f"records/{quote(name, safe='')}") for name in state["records"]}, state["refused"]


for path in sys.argv[1:] or ["public_data/test/sim_04.npy"]:
    found, refused = read_recording(path)
    for name, finding in found.items():
        sites = [site for site, each in finding["localizations"].items() if each["present"]]
        print(name, round(finding["mi"]["probability"], 2), *sites or ["no infarction found"])
    for each in refused:
        print(each["name"], "refused:", each["reason"])

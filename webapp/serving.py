"""The running site: its server, the workers beside it, and the tidying of what killed processes have left."""

import errno
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from contextlib import suppress

from bundles import bundle_checksum
from cardiac import NOTICE
from cardiac.errors import ConfigError
from webapp.settings import ROOT, Settings
from webapp.storage import accounts, jobs
from webapp.storage.database import DatabaseGone
from webapp.store import Store

NO_USER = (
    "--host {host} can be reached from other machines and there is no user yet: "
    "`python webapp/main.py user add NAME` makes one"
)
RESTART_S, END_S, SWEEP_S = 2.0, 5.0, 3_600.0


def serve(settings: Settings) -> int:
    """Start workers and the server, and hold both until Ctrl-C. Raises ConfigError, BundleError."""
    from webapp import create_app
    from webapp.connections import make_server

    app = create_app(settings)
    if settings.workers and not (settings.bundle / "card.json").is_file():
        raise ConfigError(f"there are no weights in {settings.bundle.name}/: give a bundle's folder with --bundle")
    if settings.workers:
        bundle_checksum(settings.bundle)  # a changed or damaged one is told of here, and not in every upload
    store = app.extensions["store"]
    with store.database.writing() as session:
        if not settings.is_local and not accounts.has_users(session):
            raise ConfigError(NO_USER.format(host=settings.host))
    store.files.drop_drawings()  # a new version of this program may draw otherwise
    tempfile.tempdir = str(settings.data / "incoming")  # what is being sent lies where it will be kept
    _allow_files()
    for name in app.jinja_env.list_templates(extensions=["html"]):
        app.jinja_env.get_template(name)  # compiled now, and not by everybody who comes first at once
    try:
        server = make_server(app, settings)
    except OSError as error:
        wrong = "--host" if error.errno == errno.EADDRNOTAVAIL else "--port"
        message = f"{settings.host}, port {settings.port}, cannot be taken ({error.strerror}): choose another {wrong}"
        raise ConfigError(message) from error
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that somebody waits a moment is no news
    ended = threading.Event()
    keeper = threading.Thread(target=_keep_workers, args=(settings, store, ended), daemon=True)
    keeper.start()
    threading.Thread(target=_keep_tidy, args=(store, ended), daemon=True).start()
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = server.effective_listen[0][1] if hasattr(server, "effective_listen") else server.effective_port
    print(f"Open http://{shown}:{port}   (Ctrl-C ends it)", flush=True)
    print(NOTICE, flush=True)
    if not settings.is_local:
        print("People log in over https alone: put a proxy before it that speaks it (--behind-proxy).", flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        ended.set()
        keeper.join()
        server.close()
        store.database.close()
    return 0


def _allow_files() -> None:
    """Let this process have as many files open as it may: every connection is one, and every answer that waits."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _keep_workers(settings: Settings, store: Store, ended: threading.Event) -> None:
    """Have so many workers alive until the server ends; one that a file has ended is started again."""
    command = [sys.executable, "-m", "webapp.worker", "--data", str(settings.data), "--bundle", str(settings.bundle)]
    command += ["--threads", str(max(1, (os.cpu_count() or 1) // max(1, settings.workers)))]
    command += [] if settings.keep_names else ["--no-names"]
    environment = {**os.environ, "DATABASE_URL": settings.database_url, "OMP_WAIT_POLICY": "PASSIVE"}
    running: dict[str, subprocess.Popen] = {}
    while not ended.wait(0.2):
        for name in [name for name, process in running.items() if process.poll() is not None]:
            del running[name]
            _forget(store, name)
        if len(running) < settings.workers:
            name = uuid.uuid4().hex
            # A session of its own: Ctrl-C comes to the server, which then ends each worker, once.
            running[name] = subprocess.Popen(
                [*command, "--name", name], cwd=ROOT, env=environment, start_new_session=True
            )
            ended.wait(0.0 if len(running) < settings.workers else RESTART_S)
    for process in running.values():  # by Ctrl-C, at which a worker puts its task back
        process.terminate() if os.name == "nt" else process.send_signal(signal.SIGINT)
    for name, process in running.items():
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            _forget(store, name)


def _forget(store: Store, worker: str) -> None:
    """A worker is gone: another takes its task without waiting for a sign of life."""
    with suppress(DatabaseGone), store.database.writing() as session:
        jobs.forget_worker(session, worker)


def _keep_tidy(store: Store, ended: threading.Event) -> None:
    """Take away what killed processes have left, at the start and every hour."""
    while not ended.is_set():
        with suppress(DatabaseGone, OSError), store.database.reading() as session:
            store.files.sweep(session, jobs.unfinished_jobs(session))
        store.database.tidy()
        ended.wait(SWEEP_S)

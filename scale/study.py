"""Optuna's study in a database: opened, begun or joined; what goes wrong with it is a sentence without the password."""

import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

from cardiac.errors import ConfigError, extra, first_line
from scale.cluster import REQUIREMENTS
from scale.trials import REDUCTION, first_rung

ABOUT = "about"  # attribute of a study: what all of its workers must have in common
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "sqlite": "sqlite"}
PATIENCE_S = {"postgresql+psycopg": {"connect_timeout": 10}, "sqlite": {"timeout": 60}}
TRIES = 10  # to make the tables, which several workers may do at once
NAME = re.compile(r"[\w.-]{1,100}")


def open_study(storage: str, name: str, about: Mapping[str, Any], n_folds: int, beats: int) -> Any:
    """The study of this name, begun where there is none. To be called within `in_sentences`.

    about : what all of its workers must have in common; "heartbeat" among it, the seconds between signs of life.
    beats : times as long without one, after which a worker is given up.
    Raises ConfigError where the study is another search's.
    """
    if not NAME.fullmatch(name) or not name.strip("."):
        raise ConfigError(f"--study {name!r}: take letters, digits, dots, dashes and underscores, at most 100")
    optuna = extra("optuna", REQUIREMENTS, ConfigError)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=_open_storage(optuna, _url(storage), about["heartbeat"], beats),
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(),  # each worker draws its own numbers
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=first_rung(n_folds), reduction_factor=REDUCTION),
    )
    has_trials = bool(
        study.get_trials(deepcopy=False)
    )  # asked first: whoever adds one has said before what it is about
    before = study.user_attrs.get(ABOUT)
    if before is None and not has_trials:
        study.set_user_attr(ABOUT, dict(about))
    elif before is None:
        raise ConfigError(f"the study {name!r} was not begun by this program: choose another --study")
    elif other := [key for key in about if before.get(key) != about[key]]:
        raise ConfigError(
            f"the study {name!r} was begun with {_told(other[0], before, about)}: take that again, or choose another --study"
        )
    return study


def _told(key: str, before: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """What is different about a study, down to the first setting that is."""
    old, new = before.get(key), about[key]
    while isinstance(old, dict) and isinstance(new, dict):
        inner = next(each for each in [*new, *old] if old.get(each) != new.get(each))
        key, old, new = f"{key}, {inner}", old.get(inner), new.get(inner)
    return f"another {key} ({old!r})"


def _url(storage: str) -> Any:
    """SQLAlchemy's URL, with the driver that is installed. Raises ConfigError, which never repeats the text."""
    make_url = extra("sqlalchemy.engine", REQUIREMENTS, ConfigError).make_url
    try:
        url = make_url(storage)
        driver = DRIVERS[url.drivername.partition("+")[0]]
        if url.database in (None, "", ":memory:"):
            raise ValueError
    except Exception:
        raise ConfigError(
            "--storage is no database that can be shared: give postgresql://user@host/name, or sqlite:///FILE for this machine"
        ) from None
    if driver != "sqlite":
        extra("psycopg", "requirements-postgres.txt", ConfigError)
    return url.set(drivername=driver)


def _open_storage(optuna: Any, url: Any, heartbeat_s: int, beats: int) -> Any:
    """Optuna's storage, its tables made. Another worker may be making them in the same moment: then once more."""
    errors = extra("sqlalchemy.exc", REQUIREMENTS, ConfigError)
    text = url.render_as_string(hide_password=False)
    no_pool = extra("sqlalchemy.pool", REQUIREMENTS, ConfigError).NullPool  # a server takes a hundred connections or so
    settings = {"poolclass": no_pool, "connect_args": PATIENCE_S[url.drivername]}
    for left in reversed(range(TRIES)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # signs of life
                return optuna.storages.RDBStorage(
                    text, settings, heartbeat_interval=heartbeat_s, grace_period=beats * heartbeat_s
                )
        except RuntimeError as error:  # its tables are of another version of Optuna
            raise ConfigError(f"--storage: {first_line(error)}") from None
        except (errors.DBAPIError, optuna.exceptions.StorageInternalError) as error:
            if not left or "already exists" not in str(error.__cause__ or error):
                raise
            time.sleep(0.2)
    raise AssertionError


@contextmanager
def in_sentences(storage: str) -> Iterator[None]:
    """What the database says becomes a ConfigError in one sentence, in which no password stands."""
    optuna = extra("optuna", REQUIREMENTS, ConfigError)
    errors = extra("sqlalchemy.exc", REQUIREMENTS, ConfigError)
    try:
        yield
    except (errors.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        said = first_line(getattr(cause, "orig", None) or cause or error)
        password = _url(storage).password
        if password:
            said = said.replace(str(password), "***")
        raise ConfigError(
            f"the database of --storage cannot be used ({said}): check its address, user and password; "
            "the same command goes on"
        ) from None


@contextmanager
def beating(trial: Any, study: Any, every_s: float) -> Iterator[None]:
    """Give signs of life for a trial for as long as this lasts. A database that is away meanwhile is asked again."""
    optuna, errors = (extra(name, REQUIREMENTS, ConfigError) for name in ("optuna", "sqlalchemy.exc"))
    storage, trial_id, ended = study._storage, trial._trial_id, Event()

    def beat() -> None:
        while not ended.wait(every_s):
            with suppress(errors.SQLAlchemyError, optuna.exceptions.StorageInternalError):
                storage.record_heartbeat(trial_id)
        storage.remove_session()

    storage.record_heartbeat(trial_id)
    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def ask(study: Any) -> Any:
    """The trial that waits longest, or a new one; its signs of life are `beating`'s."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Heartbeat of storage", category=UserWarning)
        return study.ask()


def fail_the_silent(study: Any) -> None:
    """Fail the trials whose workers have given no sign of life for too long."""
    optuna = extra("optuna", REQUIREMENTS, ConfigError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)

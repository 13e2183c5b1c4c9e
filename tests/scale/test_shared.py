"""A search that many workers share: all trials once, whoever asks at once, is killed, stopped, or silent for too long."""

import contextlib
import csv
import functools
import os
import re
import signal
import subprocess
import sys
import uuid
from urllib.parse import urlsplit

import pytest

pytest.importorskip("optuna", reason="requirements-scale.txt is not installed")
pytest.importorskip("ray", reason="requirements-scale.txt is not installed")

import optuna
from sqlalchemy import NullPool, create_engine, text

from scale import shared, tune
from tests.patience import wait_until
from tests.scale import counted
from utils import load_config

DETECTOR = "tests.scale.counted"
STATES = optuna.trial.TrialState


@pytest.fixture
def postgres():
    """URL of a database of its own, whose owner has a password that is nowhere else."""
    server = os.environ.get("ECG_POSTGRES")
    if not server:
        pytest.skip("ECG_POSTGRES does not name a PostgreSQL server on which databases may be made")
    name, password = f"ecg_search_{uuid.uuid4().hex[:12]}", f"sesame{uuid.uuid4().hex}"
    on_server(server, f"CREATE ROLE {name} LOGIN PASSWORD '{password}'", f"CREATE DATABASE {name} OWNER {name}")
    place = urlsplit(server)
    try:
        yield f"postgresql://{name}:{password}@{place.hostname}:{place.port or 5432}/{name}"
    finally:
        on_server(server, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")


def on_server(server, *commands):
    url = server.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for command in commands:
            connection.execute(text(command))


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def arguments(url, out, n_trials, *more):
    given = ["--task", DETECTOR, "--trials", n_trials, "--storage", url, "--out", out, "--heartbeat", 1, *more]
    return [str(each) for each in given]


@contextlib.contextmanager
def two_workers(root, url, out, n_trials, hold):
    """Two processes, both of which are in the middle of a trial; none is left."""
    hold.mkdir()
    given = arguments(url, out, n_trials, "--set", f"train.hold={hold}")
    command = [sys.executable, "-W", "error", "-m", "scale.tune", *given]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(subprocess.Popen(command, cwd=root, **pipes)) for _ in range(2)]
        try:
            wait_until(lambda: len(trained(hold)) == 2 or any(each.poll() is not None for each in workers))
            yield workers
        finally:
            for each in workers:
                each.kill()


def trained(hold):
    """Of every training that was begun: its process, the rate, and whether it went on with another's epochs."""
    told = [path.read_text(encoding="ascii").split() for path in hold.glob("*.training")]
    return [(int(pid), float(rate), goes_on == "True") for pid, rate, goes_on in filter(None, told)]


def study_of(url, name=DETECTOR):
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    storage = optuna.storages.RDBStorage(url, engine_kwargs={"poolclass": NullPool})
    return optuna.load_study(study_name=name, storage=storage)


def trials_of(url):
    return study_of(url).get_trials(deepcopy=False)


def places(trials):
    return sorted(trial.user_attrs["place"] for trial in trials)


def rows_in(out):
    with (out / tune.TABLE).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_two_workers_finish_one_study(root, postgres, tmp_path):
    out, hold = tmp_path / "out", tmp_path / "hold"
    with two_workers(root, postgres, out, 5, hold) as workers:
        (hold / "go").touch()
        said = [each.communicate() for each in workers]
        assert [each.returncode for each in workers] == [0, 0], said
    trials = [trial for trial in trials_of(postgres) if trial.state != STATES.FAIL]
    assert places(trials) == [0, 1, 2, 3, 4]
    assert {pid for pid, _, _ in trained(hold)} == {each.pid for each in workers}
    assert len(trained(hold)) == 5 == len({rate for _, rate, _ in trained(hold)})
    rows = rows_in(out)
    assert len(rows) == 5 and int(rows[0]["folds"]) == 2
    assert {float(row["train.rate"]) for row in rows} == {rate for _, rate, _ in trained(hold)}
    best = load_config(out / tune.BEST, [], counted.DEFAULTS)
    assert best["train"]["rate"] == float(rows[0]["train.rate"]) == float(rows[0]["score"])
    password = urlsplit(postgres).password
    kept = [path.read_bytes() for path in out.rglob("*") if path.is_file()] + [str(said).encode()]
    assert not any(password.encode() in each for each in kept)


def test_two_workers_share_a_study_and_one_is_killed(root, postgres, tmp_path):
    """Both have done a trial. The one that the killed was at is done by the other, with the same settings, from where it
    stopped, as its folder lies on this machine; none is lost and none counted twice."""
    out, hold = tmp_path / "out", tmp_path / "hold"
    with two_workers(root, postgres, out, 6, hold) as (killed, other):
        (hold / "go1").touch()
        wait_until(lambda: len(trained(hold)) == 4 or other.poll() is not None)
        second = trained(hold)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        (hold / "go").touch()
        said = other.communicate()
        assert other.returncode == 0, said
    assert sorted(pid for pid, _, _ in second) == sorted([killed.pid, other.pid] * 2)
    begun = trained(hold)
    assert len(begun) == 7
    assert len({rate for _, rate, _ in begun}) == 6
    [again] = [rate for pid, rate, goes_on in begun if goes_on]
    assert {pid for pid, rate, _ in begun if rate == again} == {killed.pid, other.pid}
    trials = trials_of(postgres)
    assert places(trial for trial in trials if trial.state != STATES.FAIL) == [0, 1, 2, 3, 4, 5]
    [failed] = [trial for trial in trials if trial.state == STATES.FAIL and "surplus" not in trial.user_attrs]
    assert failed.params == {"train.rate": again}
    rates = [float(row["train.rate"]) for row in rows_in(out)]
    assert sorted(rates) == sorted({rate for _, rate, _ in begun})
    done_by = {trial.user_attrs["worker"].rpartition("-")[2] for trial in trials if trial.state != STATES.FAIL}
    assert done_by == {str(killed.pid), str(other.pid)}


def stopping(monkeypatch, error, at):
    """Let the trainings with these numbers, from 0, be ended by an error; the rates of all that were begun."""
    rates, fit = [], counted.fit

    @functools.wraps(fit)
    def ended(config, *given, **options):
        rates.append(config["train"]["rate"])
        if len(rates) - 1 in at:
            raise error
        return fit(config, *given, **options)

    monkeypatch.setattr(counted, "fit", ended)
    return rates


def test_a_stopped_worker_leaves_its_trial(sqlite, tmp_path, monkeypatch, capsys):
    rates = stopping(monkeypatch, KeyboardInterrupt(), {1})
    given = arguments(sqlite, tmp_path / "out", 3)
    assert tune.main(given) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert tune.main(given) == 0
    assert rates[1] == rates[2]
    assert len(rates) == 4 and len(set(rates)) == 3
    assert tune.main(given) == 0  # nothing is left to do
    assert len(rates) == 4
    assert tune.main(arguments(sqlite, tmp_path / "out", 5)) == 0
    assert len(rates) == 6
    assert places(trial for trial in trials_of(sqlite) if trial.state != STATES.FAIL) == [0, 1, 2, 3, 4]


def test_a_trial_that_ends_every_worker_is_given_up(sqlite, tmp_path, monkeypatch, caplog):
    rates = stopping(monkeypatch, RuntimeError("too large"), range(shared.ATTEMPTS))
    given = arguments(sqlite, tmp_path / "out", 2)
    for _ in range(shared.ATTEMPTS):
        with pytest.raises(RuntimeError, match="too large"):
            tune.main(given)
    assert tune.main(given) == 0
    assert len(set(rates[: shared.ATTEMPTS])) == 1
    assert len(rates) == shared.ATTEMPTS + 1
    assert "1 trials ended their workers 5 times" in caplog.text
    assert len(rows_in(tmp_path / "out")) == 1


def test_no_place_is_done_twice_where_two_ask_at_once(sqlite, tmp_path, monkeypatch):
    """What two workers leave that both saw the places 1 and 2 free."""
    rates = stopping(monkeypatch, AssertionError(), ())
    assert tune.main(arguments(sqlite, tmp_path / "out", 1)) == 0
    study = study_of(sqlite)
    for place in (1, 1, 2, 2):
        study.enqueue_trial({}, user_attrs={"place": place})
    assert tune.main(arguments(sqlite, tmp_path / "out", 3)) == 0
    assert len(rates) == 3
    trials = trials_of(sqlite)
    assert places(trial for trial in trials if trial.state in (STATES.COMPLETE, STATES.PRUNED)) == [0, 1, 2]
    assert [trial.user_attrs["place"] for trial in trials if trial.state == STATES.FAIL] == [1]


def test_a_worker_that_ended_before_it_gave_a_sign_of_life_holds_no_place(sqlite, tmp_path, monkeypatch):
    rates = stopping(monkeypatch, AssertionError(), ())
    assert tune.main(arguments(sqlite, tmp_path / "out", 1)) == 0
    study = study_of(sqlite)
    study.enqueue_trial({}, user_attrs={"place": 1})
    assert study.ask().user_attrs["place"] == 1  # and nobody will ever hear of it
    assert tune.main(arguments(sqlite, tmp_path / "out", 2)) == 0
    assert len(rates) == 2
    assert [trial.state for trial in trials_of(sqlite)][1] == STATES.FAIL
    assert len(rows_in(tmp_path / "out")) == 2


def test_a_worker_whose_trial_was_taken_over_goes_on(sqlite, tmp_path, monkeypatch):
    """It was silent for so long that others gave it up, and comes back: its score is not counted, its place is."""
    fit, begun = counted.fit, []

    @functools.wraps(fit)
    def slow(config, *given, **options):
        begun.append(config["train"]["rate"])
        if len(begun) == 1:
            study_of(sqlite).tell(0, state=STATES.FAIL)
        return fit(config, *given, **options)

    monkeypatch.setattr(counted, "fit", slow)
    assert tune.main(arguments(sqlite, tmp_path / "out", 2)) == 0
    assert begun[0] == begun[1]
    assert len(begun) == 3
    assert places(trial for trial in trials_of(sqlite) if trial.state != STATES.FAIL) == [0, 1]


def test_what_was_trained_and_not_told_is_not_trained_again(sqlite, tmp_path, monkeypatch):
    rates = stopping(monkeypatch, AssertionError(), ())
    end = shared.Worker._end
    monkeypatch.setattr(shared.Worker, "_end", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    given = arguments(sqlite, tmp_path / "out", 1)
    assert tune.main(given) == 130
    monkeypatch.setattr(shared.Worker, "_end", end)
    assert tune.main(given) == 0
    assert len(rates) == 1
    assert float(rows_in(tmp_path / "out")[0]["score"]) == rates[0]


def refused(capsys, *given):
    """The one sentence by which a command was refused."""
    assert tune.main(list(given)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--set", "data.n_folds=3"], r"another config, data, n_folds \(2\)"),
        (["--set", "train.hold=x"], r"another config, train, hold \(''\)"),
        (["--heartbeat", "2"], r"another heartbeat \(1\)"),
        (["--task", "mi", "--study", DETECTOR], r"another task \('tests.scale.counted'\)"),
        (["--space", "{}/space.toml"], r"another space, train.rate, attributes, high \(0.9\)"),
        (["--study", "a/b"], "take letters"),
        (["--study", "foreign"], "was not begun by this program"),
    ],
)
def test_another_search_is_kept_out(more, told, sqlite, tmp_path, capsys):
    (tmp_path / "space.toml").write_text("[train]\nrate = { low = 0.1, high = 0.8 }\n", encoding="utf-8")
    given = arguments(sqlite, tmp_path / "out", 1)
    assert tune.main(given) == 0
    storage = study_of(sqlite)._storage
    optuna.create_study(study_name="foreign", storage=storage).add_trial(optuna.create_trial(value=1.0))
    capsys.readouterr()
    assert re.search(told, refused(capsys, *given, *(each.format(tmp_path) for each in more)))


def test_another_version_of_optuna_is_a_sentence(sqlite, tmp_path, capsys):
    given = arguments(sqlite, tmp_path / "out", 1)
    assert tune.main(given) == 0
    engine = create_engine(sqlite, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v2.6.0.a'"))
    capsys.readouterr()
    assert "no longer compatible" in refused(capsys, *given)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ada:sesame@127.0.0.1:1/search", "cannot be used"),
        ("postgresql://ada:sesame@127.0.0.1:many/search", "no database that can be shared"),
        ("mysql://ada:sesame@127.0.0.1/search", "no database that can be shared"),
        ("sqlite://", "no database that can be shared"),
        ("postgresql://ada:sesame@127.0.0.1", "no database that can be shared"),
        ("sesame", "no database that can be shared"),
        ("sqlite:////nowhere/sesame/study.db", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence(url, told, tmp_path, capsys):
    said = refused(capsys, *arguments(url, tmp_path / "out", 1))
    assert told in said
    assert "sesame" not in said


def test_a_wrong_password_is_not_repeated(postgres, tmp_path, capsys):
    given = arguments(postgres.replace("sesame", "sesami"), tmp_path / "out", 1)
    said = refused(capsys, *given)
    assert "cannot be used" in said and "sesami" not in said
    assert "password" in said


@pytest.mark.parametrize(
    "more", [["--workers", "2"], ["--address", "auto"], ["--heartbeat", "0"]], ids=["workers", "address", "heartbeat"]
)
def test_options_of_ray_do_not_go_with_a_storage(more, sqlite, tmp_path):
    with pytest.raises(SystemExit):
        tune.main([*arguments(sqlite, tmp_path / "out", 1), *more])
    assert not (tmp_path / "study.db").exists()


def test_kinds_of_choices(sqlite):
    distributions = optuna.distributions
    space = {
        "a": distributions.CategoricalDistribution([1, 2]),
        "b": distributions.IntDistribution(1, 5),
        "c": distributions.FloatDistribution(1e-3, 1.0, log=True),
    }
    study = optuna.create_study(storage=optuna.storages.RDBStorage(sqlite, {"poolclass": NullPool}))
    trial = study.ask()
    chosen = {name: shared.suggest(trial, name, each) for name, each in space.items()}
    [kept] = study.get_trials()
    assert kept.params == chosen
    assert kept.distributions == space

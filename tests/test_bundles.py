"""A bundle's networks as an ONNX graph: what torch gives, without torch, and refused where it does not fit its card."""

import hashlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

import bundles
import export
import inference
import runtimes
from cardiac import pipeline
from cardiac.errors import BundleError
from cardiac.sources import Recording
from cardiac.windows import sigmoid, window_starts
from tasks.mi import BUNDLE
from tests.card_files import change_card, checksum_by_hand, read_card
from tests.writers import WRITERS

BLOCKED = ("torch", "pandas", "wfdb", "matplotlib", "sklearn", "flask", "onnxscript", "onnx")
# A process in which these packages cannot be imported, as where they are not installed.
WITHOUT = """
import sys, importlib.abc
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}: raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import inference
sys.exit(inference.main({arguments!r}))
"""


def in_lean_install(root, *arguments, blocked=BLOCKED):
    code = WITHOUT.format(names=blocked, arguments=[*map(str, arguments)])
    return subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def both():
    return [inference.Detector.load(runtime=runtime) for runtime in bundles.RUNTIMES]


@pytest.mark.parametrize("n_samples", [160, 163, 500, 999, 1000])
@pytest.mark.parametrize("n", [1, 5])
def test_the_graph_gives_what_torch_gives(both, n, n_samples):
    signals = np.random.default_rng(n_samples).standard_normal((n, 12, n_samples)).astype(np.float32)
    for one, other in zip(*(detector.logits(signals) for detector in both), strict=True):
        assert one.shape == other.shape
        assert np.abs(sigmoid(one) - sigmoid(other)).max() < 1e-5


@pytest.mark.parametrize("n_records", [90, pytest.param(449, marks=pytest.mark.slow)])
def test_real_records_by_both(both, real_data, n_records):
    """Equal to 1e-5 in every probability, and in every decision; by `make test-slow` all of the test part."""
    paths = sorted((real_data / "aiijc/test").glob("*.npy"))
    chosen = sorted(np.random.default_rng(1).permutation(len(paths))[:n_records])
    n, paths = 0, [paths[place] for place in chosen]
    for one, other in zip(*(inference.predict_folder(paths, each) for each in both), strict=True):
        judged = [[each.finding.mi, *each.finding.localizations.values()] for each in (one, other)]
        for mine, theirs in zip(*judged, strict=True):
            assert mine.probability == pytest.approx(theirs.probability, abs=1e-5)
        assert one.finding.sites == other.finding.sites
        n += 1
    assert n == n_records


def test_a_record_alone_gives_what_it_gives_among_others(detector, root):
    paths = sorted((root / "public_data/test").glob("*.npy"))
    together = {outcome.record_id: outcome.finding for outcome in inference.predict_folder(paths, detector)}
    assert len(together) > pipeline.MAX_BATCH
    for path in paths:
        alone = inference.predict_record(path, detector)
        assert alone.mi.probability == pytest.approx(together[path.stem].mi.probability, abs=1e-6)
        assert alone.reasons == together[path.stem].reasons


def test_records_of_many_lengths_and_rates_come_in_order(detector, signal, tmp_path):
    """What cannot be read together is read one by one; a record that the networks refuse spoils none beside it."""
    named = []
    for place, (length, fs_hz) in enumerate(
        [(5000, 500), (5000, 500), (700, 500), (5000, 250), (5000, 500), (2500, 250)]
    ):
        path = tmp_path / f"{place}.npz"
        np.savez(path, signal=signal[:, :length], fs_hz=fs_hz)
        named.append(Recording(path, str(place)))
    (tmp_path / "bad.npy").write_bytes(b"junk")
    outcomes = list(pipeline.predict_all([*named, Recording(tmp_path / "bad.npy", "bad"), *named], detector))
    assert [outcome.record_id for outcome in outcomes] == [*"012345", "bad", *"012345"]
    assert [outcome.record_id for outcome in outcomes if outcome.error] == ["2", "bad", "2"]
    assert "a window needs" in str(outcomes[2].error)
    for outcome in outcomes:
        if outcome.finding:
            alone = inference.predict_record(outcome.path, detector).mi.probability
            assert outcome.finding.mi.probability == pytest.approx(alone, abs=1e-6)


def test_long_recordings_are_read_one_by_one(detector, signal, tmp_path):
    """Two of one length that are held in pieces, and two that are not, come each with its own finding."""
    minutes = np.tile(signal[:, ::5], 66)  # 11 minutes at 100 Hz
    for place, factor in enumerate((1.0, 0.8)):
        np.savez(tmp_path / f"short{place}.npz", signal=(factor * minutes[:, :30_000]).astype(np.float32), fs_hz=100)
        np.save(tmp_path / f"long{place}.npy", (factor * minutes).astype(np.float32))
    paths = [tmp_path / name for name in ("long0.npy", "long1.npy", "short0.npz", "short1.npz")]
    outcomes = list(pipeline.predict_all([Recording(path, path.stem, 100) for path in paths], detector))
    for outcome in outcomes:
        alone = inference.predict_record(outcome.path, detector, 100)
        assert outcome.finding.mi.probability == pytest.approx(alone.mi.probability, abs=1e-6)
    assert outcomes[0].finding.mi.probability != outcomes[1].finding.mi.probability


def test_reading_needs_no_torch(root, tmp_path):
    """The import graph of the detector, and the whole way, with nothing but requirements-onnx.txt."""
    path = root / "public_data/test/sim_04.npy"
    done = in_lean_install(root, path, "--fs-hz", 500, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 with an infarction" in done.stdout
    WRITERS["wfdb 16"](tmp_path / "a", np.load(path), 500)
    done = in_lean_install(root, tmp_path / "a.hea", "--out", tmp_path)
    assert "1 with an infarction" in done.stdout, done.stderr
    told = f"import sys, inference; print([m for m in {BLOCKED!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "package", "arguments"),
    [
        ("a.csv", "pandas", ()),
        ("a.hea", "wfdb", ()),
        ("a.npy", "matplotlib", ("--plots",)),
        ("a.npy", "torch", ("--runtime", "torch")),
    ],
)
def test_what_is_not_installed_is_named(name, package, arguments, root, tmp_path, signal):
    np.save(tmp_path / "a.npy", signal)
    (tmp_path / "a.csv").write_text("1,2,3\n" * 10, encoding="utf-8")
    WRITERS["wfdb 212"](tmp_path / "a", signal, 500)
    done = in_lean_install(root, tmp_path / name, "--out", tmp_path / "out", *arguments)
    assert done.returncode in (1, 2)
    assert f"the package {package} is not installed: pip install -r requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_onnxruntime_torch_runs_it_and_asked_for_it_is_named(root, tmp_path):
    path = root / "public_data/test/sim_04.npy"
    assert in_lean_install(root, path, "--out", tmp_path, blocked=("onnxruntime",)).returncode == 0
    done = in_lean_install(root, path, "--out", tmp_path, "--runtime", "onnx", blocked=("onnxruntime",))
    assert done.returncode == 2
    assert done.stderr.strip() == "the package onnxruntime is not installed: pip install -r requirements-onnx.txt"


@pytest.fixture
def bundle(tmp_path):
    return shutil.copytree(BUNDLE, tmp_path / "bundle")


def test_a_bundle_without_a_graph_is_run_by_torch(bundle):
    """Whatever lies beside it under the graph's name: the card does not name it."""
    change_card(bundle, lambda card: card.pop("onnx"))
    (bundle / "network.onnx").write_bytes(b"left by somebody")
    assert inference.Detector.load(bundle).bundle.runtime == "torch"
    with pytest.raises(BundleError, match=r"no ONNX graph yet: run `python export\.py"):
        inference.Detector.load(bundle, "onnx")


def test_a_graph_of_other_inputs_or_no_graph_is_refused(bundle):
    for content in (b"no graph", b""):
        (bundle / "network.onnx").write_bytes(content)
        change_card(bundle, lambda card, c=content: card["onnx"].update(sha256=hashlib.sha256(c).hexdigest()))
        with pytest.raises(BundleError, match="cannot be run"):
            inference.Detector.load(bundle)
    shutil.copy(BUNDLE / "network.onnx", bundle)
    shipped = read_card(BUNDLE)["onnx"]["sha256"]
    change_card(bundle, lambda card: card["onnx"].update(sha256=shipped))
    change_card(bundle, lambda card: card.update(stages={f"{name}s": each for name, each in card["stages"].items()}))
    with pytest.raises(BundleError, match="its inputs are not signals, starts_detects, starts_localizes"):
        inference.Detector.load(bundle)


@pytest.mark.parametrize("is_named", [True, False])
def test_export_writes_the_graph_that_is_shipped(bundle, detector, is_named):
    """And over another that is there, whether the card names it or not: the bundle is then the shipped one again."""
    (bundle / "network.onnx").write_bytes(b"another")
    if not is_named:
        change_card(bundle, lambda card: card.pop("onnx"))
    assert export.main(["--bundle", str(bundle)]) == 0
    again = inference.Detector.load(bundle, "onnx")
    plans = detector.plans
    signals = np.random.default_rng(0).standard_normal((2, 12, 1000)).astype(np.float32)
    starts = [window_starts(1000, plan) for plan in plans]
    for one, other in zip(again.bundle.forward(signals, starts), detector.bundle.forward(signals, starts), strict=True):
        assert np.array_equal(one, other)
    assert again.bundle.card.onnx["opset"] == export.OPSET
    assert again.bundle.sha256 == bundles.bundle_checksum(bundle) == checksum_by_hand(read_card(bundle))


def test_the_graph_names_no_place(root):
    """Neither a file nor a folder of the machine that it was made on."""
    content = (BUNDLE / "network.onnx").read_bytes()
    for told in (b"site-packages", b".py", str(root).encode(), b"/home", b"/root"):
        assert told not in content


@pytest.mark.parametrize("is_there", [True, False])
def test_a_graph_that_gives_other_probabilities_leaves_all_as_it_was(is_there, bundle, monkeypatch):
    graph = (bundle / "network.onnx").read_bytes()
    if not is_there:
        (bundle / "network.onnx").unlink()
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    monkeypatch.setattr(export, "CLOSE", 1e-12)  # as if these were others
    with pytest.raises(BundleError, match="other probabilities than torch"):
        export.write_graph(bundle, bundles.load_bundle(bundle, "torch", with_graph=False), graph)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before


def test_a_bundle_that_is_not_there_is_not_exported(tmp_path, capsys):
    assert export.main(["--bundle", str(tmp_path / "none")]) == 2
    assert "card.json is missing" in capsys.readouterr().err


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert runtimes.n_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= runtimes.n_threads() <= 4


@pytest.mark.slow
def test_the_lean_install_is_small_and_reads(root, tmp_path):
    """requirements-onnx.txt in an environment of its own: under 250 MB as it is downloaded and unpacked, and it works."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    places = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    before = {path for path in places.rglob("*") if path.is_file()}
    install = ["-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([python, *install, "-r", str(root / "requirements-onnx.txt")], check=True)
    added = {path for path in places.rglob("*") if path.is_file()} - before
    assert sum(path.stat().st_size for path in added) < 250e6
    record, out = root / "public_data/test/sim_04.npy", tmp_path / "out"
    done = subprocess.run(
        [python, "inference.py", str(record), "--out", str(out)], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 with an infarction" in done.stdout

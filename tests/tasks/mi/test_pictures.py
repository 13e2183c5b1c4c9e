"""The lines over a tracing in picture and report: nothing covers another, nothing runs off the paper."""

import dataclasses
import io
from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from pypdf import PdfReader

from cardiac.errors import CardiacError
from cardiac.files import png
from cardiac.leads import LEADS
from cardiac.paper import OVER_MM, draw_grid
from cardiac.quality.reasons import Reason
from cardiac.records import Record
from tasks.mi import pictures
from tasks.mi.evidence import Evidence
from tasks.mi.labels import SITES
from tasks.mi.pictures import draw_ecg, ecg_picture, write_ecg
from tasks.mi.report_page import A4_MM, CONTINUED, draw_next_pages, draw_report, ecg_report
from tasks.mi.signs import Sign
from tests.cardiac.test_print_out import document
from tests.tasks.mi.test_documents import BUNDLE, finding

FLAT = Record("a", np.zeros((12, 5000), np.float32), 500.0)
LONG = "no signal in lead V2: check the electrode, the cable and the export, or record again at rest"
LEADS_OVER = ["II", "III", "aVF", "V2", "V3", "V4", "V5", "V6"]
FULL = document(
    dict.fromkeys(("p_axis_deg", "qt_ms", "t_axis_deg"), "the leads are not all there, or nothing is left of it in them"),
    {
        "heart_rate_bpm": {"low": 50, "high": 100}, "pr_ms": {"low": 120, "high": 200}, "qrs_ms": {"low": None, "high": 110},
        "qtc_fridericia_ms": {"low": 360, "high": 460}, "qrs_axis_deg": {"low": -30, "high": 90},
        "qrs_t_angle_deg": {"low": None, "high": 90}, "sokolow_lyon_mv": {"low": None, "high": 3.5},
        "cornell_mv": {"low": None, "high": 2.8},
    },
    dict.fromkeys(("pathological_q", "st_elevation", "st_depression", "t_inversion"), LEADS_OVER),
    (117, 131, 1770.0),
    heart_rate_bpm=133, pr_ms=262, qrs_ms=160, qtc_fridericia_ms=512, p_axis_deg=-170, qrs_axis_deg=-179, t_axis_deg=-112,
    qrs_t_angle_deg=169, sokolow_lyon_mv=4.1, cornell_mv=3.9,
)  # fmt: skip


def full_finding(n_reasons: int = 6):
    reasons = tuple(Reason("flat", ("V2",), "warning", LONG) for _ in range(n_reasons))
    return dataclasses.replace(finding("a"), measurements=FULL, reasons=reasons, rate_bpm=133.0)


def boxes(figure, axes) -> dict:
    """Where every text of some axes stands, mm of the axes: text -> (left, right, bottom, top)."""
    FigureCanvasAgg(figure).draw()
    found = {}
    for text in axes.texts:
        corners = axes.transData.inverted().transform(text.get_window_extent().get_points())
        found[text.get_text()] = (corners[0, 0], corners[1, 0], corners[0, 1], corners[1, 1])
    return found


def overlapping(texts: dict) -> Iterator[tuple[str, str]]:
    """Pairs of texts, as `boxes` has them, that lie over one another."""
    for (one, a), (other, b) in combinations(texts.items(), 2):
        if not (a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]):
            yield one, other


def head_of(figure) -> dict:
    return {text: box for text, box in boxes(figure, figure.axes[0]).items() if box[2] > grid_mm(figure) - OVER_MM}


def grid_mm(figure) -> float:
    """Where the grid ends, mm of the axes."""
    return max(path.vertices[:, 1].max() for path in figure.axes[0].collections[0].get_paths())


def test_the_line_stands_over_the_tracing():
    told = dataclasses.replace(finding("a"), measurements=document(criteria={"pathological_q": ["III", "aVF"]}))
    texts = head_of(draw_ecg(FLAT, told))
    for part in (
        "Rate 63/min",
        "PR 160 ms",
        "QRS 92 ms",
        "QT/QTc 400/412 ms",
        "(Fridericia)",
        "P/QRS/T axis 45/30/50°",
    ):
        assert part in texts
    assert "Q waves over the limit (UDMI 2018): III, aVF" in texts
    line = [texts[part] for part in ("Rate 63/min", "PR 160 ms", "QRS 92 ms", "QT/QTc 400/412 ms", "(Fridericia)")]
    assert all(left[1] < right[0] for left, right in pairwise(line))


def test_values_outside_their_range_stand_out_without_colour():
    texts = {each.get_text(): each for each in draw_ecg(FLAT, full_finding()).axes[0].texts}
    assert texts["QRS 160 ms ↑"].get_fontweight() == "bold"
    assert texts["(up to 110)"].get_fontweight() == "normal"
    assert texts["(up to 110)"].get_fontsize() < texts["QRS 160 ms ↑"].get_fontsize()
    inside = dataclasses.replace(finding("a"), measurements=document())
    weights = {each.get_text(): each.get_fontweight() for each in draw_ecg(FLAT, inside).axes[0].texts}
    assert weights["QRS 92 ms"] == "normal"


@pytest.mark.parametrize("is_page", [False, True])
def test_the_longest_lines_stay_on_the_paper_and_apart(is_page):
    figure = draw_report(FLAT, full_finding(), BUNDLE) if is_page else draw_ecg(FLAT, full_finding())
    texts = head_of(figure)
    width, height = figure.axes[0].get_xlim()[1], figure.axes[0].get_ylim()[1]
    assert any(text.startswith("P/QRS/T axis -170/-179↓/-112°") for text in texts)
    assert "(QRS -30 to 90)" in texts  # the first line is never cut
    assert any(text.startswith(LONG) for text in texts) != is_page  # which has them under the tracing
    assert all(left > 0 and right < width for left, right, _, _ in texts.values())
    for one, (_, _, bottom, top) in texts.items():
        assert top < height
        assert bottom > grid_mm(figure), one
    assert [*overlapping(texts)] == []


def all_words(*figures) -> str:
    """What figures say, with one space between words."""
    texts = [text.get_text() for figure in figures for axes in figure.axes for text in axes.texts]
    return " ".join(" ".join(texts).split())


@pytest.mark.parametrize("n_reasons", [0, 6, 80])
def test_no_reason_is_cut(n_reasons):
    """The picture's paper grows, and says how many it leaves out where nobody would read on; a report has more pages."""
    told = full_finding(n_reasons)
    picture = draw_ecg(FLAT, told)
    said = all_words(picture)
    n_whole = said.count(LONG)
    assert n_whole == n_reasons if n_reasons <= 6 else 20 < n_whole < n_reasons
    assert n_whole + (f"and {n_reasons + 1 - n_whole} more" in said) * (n_reasons - n_whole) == n_reasons
    pages = draw_report(FLAT, told, BUNDLE), *draw_next_pages(FLAT, told, BUNDLE)
    said = all_words(*pages)
    assert said.count(LONG) == n_reasons and "- turned" in said
    assert len(pages) == {0: 1, 6: 2, 80: 3}[n_reasons]
    assert (CONTINUED in said) == (len(pages) > 1)
    for figure in (picture, *pages):
        assert "..." not in all_words(figure)
        for axes in figure.axes:
            (_, wide), (_, high) = axes.get_xlim(), axes.get_ylim()
            assert all(box[1] < wide and box[2] > 0 and box[3] < high for box in boxes(figure, axes).values())


def test_a_long_reason_is_whole_on_the_page():
    page = draw_report(FLAT, full_finding(1), BUNDLE)
    assert f"- {LONG} - turned" in all_words(page)


@pytest.mark.parametrize(
    ("draw", "gain"),
    [
        (lambda record: draw_ecg(record, full_finding()), 10),
        (lambda record: draw_ecg(record, full_finding(), explained(record)), 10),
        (lambda record: draw_report(record, full_finding(), BUNDLE), 2.5),
        (lambda record: draw_report(record, full_finding(), BUNDLE, explained(record)), 2.5),
    ],
)
def test_tall_waves_stay_on_the_grid(draw, gain):
    signal = np.zeros((12, 5000), np.float32)
    signal[LEADS.index("V4"), 4000:4900:100] = 5.0
    signal[LEADS.index("II"), 1000:4900:100] = -3.0
    record = Record("a", signal, 500.0)
    figure = draw(record)
    levels = np.concatenate([line.get_ydata() for line in figure.axes[0].lines if len(line.get_xdata()) > 100])
    foot = next(box for text, box in boxes(figure, figure.axes[0]).items() if "mm/mV" in text)
    assert foot[3] < levels.min() and levels.max() <= grid_mm(figure)
    assert min(box[2] for text, box in head_of(figure).items() if text not in LEADS) > grid_mm(figure)
    assert any(f"   {gain:g} mm/mV   no filter: as recorded" in text.get_text() for text in figure.axes[0].texts)


@pytest.mark.parametrize(
    ("begin_s", "n_samples", "said"),
    [
        (0.0, 5000, "10.0 s at 500 Hz"),
        (0.0, 1600, "3.2 s at 500 Hz"),
        (0.0, 100_000, "0 to 10 s of 3:20 at 500 Hz"),
        (12.5, 100_000, "12.5 to 22.5 s of 3:20 at 500 Hz"),
        (185.0, 100_000, "3:05 to 3:15 of 3:20 at 500 Hz"),
        (2.0, 9000, "2 to 12 s of 18.0 s at 500 Hz"),
    ],
)
def test_the_part_that_is_shown_is_told(begin_s, n_samples, said):
    record = Record("a", np.zeros((12, n_samples), np.float32), 500.0)
    evidence = dataclasses.replace(explained(FLAT), starts_s=explained(FLAT).starts_s + begin_s) if begin_s else None
    for figure in (draw_ecg(record, finding("a"), evidence), draw_report(record, finding("a"), BUNDLE, evidence)):
        assert said in [text.get_text() for text in figure.axes[0].texts]


def test_the_notice_stands_once(inferior):
    report = ecg_report(inferior.record, full_finding(9), BUNDLE)
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(report)).pages]
    assert " ".join(pages).count("not a medical device") == 1 and len(pages) == 2
    assert all_words(draw_ecg(inferior.record, finding("a"))).count("not a medical device") == 1


@pytest.mark.parametrize("explains", [False, True])
@pytest.mark.parametrize("gain", [1.0, 2.0, 3.0])
def test_no_trace_runs_through_a_name_or_a_number(inferior, gain, explains):
    """Of those that are drawn, line by line."""
    record = dataclasses.replace(inferior.record, signal=inferior.record.signal * np.float32(gain))
    figure = draw_ecg(record, finding("a"), explained(record) if explains else None)
    axes = figure.axes[0]
    FigureCanvasAgg(figure).draw()
    boxed = [text for text in axes.texts if text.get_text() in LEADS or text.get_text()[:2] in ("+0", "+1", "+2")]
    assert len(boxed) >= 13
    traces = [line.get_path() for line in axes.lines if len(line.get_xdata()) > 100]
    for text in boxed:
        box = text.get_window_extent().transformed(axes.transData.inverted())
        assert not any(trace.intersects_bbox(box, filled=False) for trace in traces), text.get_text()


def explained(record: Record) -> Evidence:
    rng = np.random.default_rng(0)
    starts_s = np.arange(0.0, record.duration_s - 2.4, 0.5)
    signs = (Sign("q", ("III",), "Q 40 ms wide in III", 1.0), Sign("st", (), "no ST raised", -0.5))
    return Evidence("mi", rng.normal(size=12), starts_s, 2.5, rng.uniform(size=len(starts_s)), None, signs)


@pytest.mark.parametrize("with_evidence", [False, True])
@pytest.mark.parametrize("case", ["healthy", "tall", "short", "full"])
def test_the_picture_looks_as_matplotlib_draws_it(case, with_evidence, inferior):
    """To the pixel but for letters, which may stand a quarter of one aside. Truth: the figure, saved by Matplotlib."""
    gain, n_samples = 3.0 if case == "tall" else 1.0, 1600 if case == "short" else 5000
    record = Record("a record", inferior.record.signal[:, :n_samples] * gain, 500.0)
    told = full_finding() if case == "full" else dataclasses.replace(finding("a"), measurements=document())
    evidence = explained(record) if with_evidence else None
    drawn = pixels(ecg_picture(record, told, {"mi": evidence} if evidence else None))
    truth = pixels(png(draw_ecg(record, told, evidence)))
    assert drawn.shape == truth.shape
    difference = np.abs(drawn - truth)
    assert difference.mean() < 0.6  # of 255
    assert largest_of_patches(difference) < 25
    figure = draw_ecg(record, told, evidence)
    FigureCanvasAgg(figure).draw()
    for text in figure.axes[0].texts:  # within a pixel of them are letters
        (left, low), (right, high) = text.get_window_extent().get_points().round().astype(int)
        difference[len(drawn) - high - 2 : len(drawn) - low + 2, max(0, left - 2) : right + 2] = 0
    assert (difference <= 1).all()


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(float)


def largest_of_patches(difference: np.ndarray, size: int = 8) -> float:
    """Of the means over squares of pixels: what an eye would see."""
    height, width = (side // size * size for side in difference.shape[:2])
    patches = difference[:height, :width].reshape(height // size, size, width // size, size, -1)
    return float(patches.mean(axis=(1, 3, 4)).max())


def test_the_grid_is_drawn_once_for_many_pictures(monkeypatch, inferior):
    drawn, kept = [], pictures._paper_pixels
    kept.cache_clear()
    monkeypatch.setattr(pictures, "draw_grid", lambda *args: drawn.append(args) or draw_grid(*args))
    first = ecg_picture(inferior.record, finding("a"))
    for _ in range(3):
        ecg_picture(FLAT, finding("b"))
    assert len(drawn) == 1
    ecg_picture(inferior.record, finding("a"), {"mi": explained(inferior.record)})  # other words at the foot
    assert len(drawn) == 2
    assert ecg_picture(inferior.record, finding("a")) == first  # and nothing stays on the paper that is kept


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch, inferior):
    write_ecg(inferior.record, finding("a"), tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("cardiac.files.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(CardiacError, match=r"a\.png: cannot be written \(No space left\)"):
            write_ecg(FLAT, finding("b"), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["line\nbreak", "$x$", "a\udcff", "x" * 300, "Ёлкин 7", "e\u0301", ""])
def test_any_name_can_be_drawn(name):
    """As letters, on one line, and never over the seconds and the rate."""
    figure = draw_ecg(dataclasses.replace(FLAT, record_id=name), finding("a"))
    texts = head_of(figure)
    head = [box for text, box in texts.items() if text and box[2] > figure.axes[0].get_ylim()[1] - 9]
    assert all(left[1] < right[0] for left, right in pairwise(sorted(head)))
    assert ecg_picture(dataclasses.replace(FLAT, record_id=name), finding("a")).startswith(b"\x89PNG")
    assert name != "$x$" or name in texts


@pytest.mark.parametrize("n_reasons", [0, 4, 9])
def test_the_report_has_room_for_its_words(n_reasons):
    figure = draw_report(FLAT, full_finding(n_reasons), BUNDLE)
    below = boxes(figure, figure.axes[1])
    assert all(box[2] > 0 for box in below.values())
    notice = next(box for text, box in below.items() if "must not be used" in text)
    others = [box for text, box in below.items() if "must not be used" not in text]
    assert min(box[2] for box in others) > notice[3]
    assert any(text.startswith("Bundle b") for text in below)
    assert not any(text.startswith("- no signal") for text in below) or n_reasons
    size = figure.get_size_inches() * 25.4
    assert size == pytest.approx(A4_MM)


def test_findings_of_earlier_versions_have_no_such_line():
    texts = head_of(draw_ecg(FLAT, finding("a")))
    assert not any("QRS" in text for text in texts)
    assert len(finding("a").localizations) == len(SITES)

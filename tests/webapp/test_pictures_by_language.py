"""Pictures and reports in every language: every word is on the paper, and none lies over another."""

import dataclasses

import pytest

from cardiac.messages import speaking
from tasks.mi.labels import SITES
from tasks.mi.pictures import draw_ecg, summary
from tasks.mi.report_page import draw_report
from tests.tasks.mi.test_documents import BUNDLE, finding
from tests.tasks.mi.test_pictures import boxes, explained, overlapping
from webapp.sentences import languages

CLOSEST = [(site,) for site in SITES]


def found(sites, sites_by):
    told = finding("a")
    each = {site: dataclasses.replace(told.localizations[site], present=site in sites) for site in SITES}
    return dataclasses.replace(told, localizations=each, sites_by=sites_by, uncertain=True)


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    ("sites", "sites_by"), [*((each, "closest") for each in CLOSEST), (SITES[:3], "threshold"), (SITES, "threshold")]
)
def test_the_finding_is_whole(inferior, language, sites, sites_by):
    with speaking(languages()[language]):
        told = found(sites, sites_by)
        figure = draw_ecg(inferior.record, told)
        texts = boxes(figure, figure.axes[0])
        left, right, _, _ = texts[summary(told)]
    assert 4 < left < right < figure.axes[0].get_xlim()[1] - 4


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("with_evidence", [False, True])
def test_the_foot_of_the_paper_is_legible(inferior, language, with_evidence):
    with speaking(languages()[language]):
        told = finding("a")
        figure = draw_ecg(inferior.record, told, explained(inferior.record) if with_evidence else None)
        texts = boxes(figure, figure.axes[0])
    foot = {text: box for text, box in texts.items() if 2 < box[2] < 4.5}
    assert len(foot) == (5 if with_evidence else 2) and [*overlapping(foot)] == []
    assert any("medical" in text or "медицинск" in text for text in foot)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_names_of_sites_stand_beside_their_bars(inferior, language):
    with speaking(languages()[language]):
        figure = draw_report(inferior.record, found(SITES, "threshold"), BUNDLE)
        below = figure.axes[1]
        texts = boxes(figure, below)
    bars = [line for line in below.lines if len(line.get_xdata()) == 2]
    levels, begin = {line.get_ydata()[0] for line in bars}, min(line.get_xdata()[0] for line in bars)
    names = [box for box in texts.values() if abs(box[0]) < 0.5 and any(box[2] < at < box[3] + 1 for at in levels)]
    assert len(names) >= 7
    assert all(box[1] < begin for box in names)

"""The report as one HTML page: charts, tables, and the worst errors on ECG paper. Nothing here touches a file."""

import base64
from collections.abc import Callable, Mapping
from html import escape

import numpy as np
from matplotlib.figure import Figure as Chart

from cardiac import NOTICE
from cardiac.files import png
from cardiac.metrics import PROTOCOL, Figures
from cardiac.records import read_record
from tasks.mi.charts import Scored, draw_all
from tasks.mi.datasets import Dataset
from tasks.mi.findings import decide
from tasks.mi.labels import SITES
from tasks.mi.pictures import draw_ecg

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1f; max-width: 1180px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd }
.charts { display: flex; flex-wrap: wrap; gap: 1rem } .charts img { max-width: 100% }
table { border-collapse: collapse; margin: .8rem 0 } td, th { padding: .15rem .7rem; text-align: left }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums } tr:nth-child(even) { background: #f6f6f6 }
figure { margin: 1.2rem 0 } figure img { width: 100% } figcaption { font-size: .9rem }
.note { background: #fdf3e7; padding: .6rem 1rem; border-left: 4px solid #d9822b }
"""


def picture(chart: Chart, text: str) -> str:
    """An img element that carries the chart itself."""
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{base64.b64encode(png(chart)).decode()}">'


def table(head: str, rows: Mapping[str, object]) -> str:
    """One group of figures as an HTML table."""
    lines = [f"<tr><th>{escape(head)}</th><th>value</th><th>95 % interval</th><th>positives</th><th>records</th></tr>"]
    for name, figure in rows.items():
        interval = f"{figure.low:.3f} to {figure.high:.3f}"
        cells = (f"{figure.value:.3f}", interval, figure.positives, figure.n)
        lines.append(f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table>{''.join(lines)}</table>"


def worst_errors(scored: Scored, n: int = 30) -> np.ndarray:
    """Indices of the n decisions that were wrong by most, by the distance of probability and truth."""
    wrong = np.flatnonzero(scored.present != scored.infarction)
    distance = np.abs(scored.mi[wrong] - scored.infarction[wrong])
    return wrong[np.argsort(-distance, kind="stable")][:n]


def _error(dataset: Dataset, scored: Scored, index: int) -> str:
    record = read_record(dataset.sources[index], record_id=dataset.table["record_id"].iloc[index])
    fitted = scored.fitted
    finding = decide(record, fitted.probabilities[index], scored.spread[index], fitted.rules[index])
    drawn = picture(draw_ecg(record, finding), f"ECG of {record.record_id}")
    row = dataset.table.iloc[index]
    truth = [site for site, is_there in zip(SITES, dataset.sites[index], strict=True) if is_there]
    caption = f"<b>{escape(record.record_id)}</b>: labelled {', '.join(truth) or 'no infarction'}, "
    caption += f"probability {scored.mi[index]:.3f}. PTB-XL: {escape(str(row.get('ptbxl_codes', '')))}; "
    caption += f"“{escape(str(row.get('report', '')))}”"
    return f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"


def build_page(
    name: str, dataset: Dataset, scored: Scored, figures: Figures, shown: Callable[[np.ndarray], object], n_errors: int
) -> str:
    """The whole page. shown : wraps the indices of the errors that are drawn, to show how far it is."""
    charts = [picture(chart, title) for title, chart in draw_all(scored).items()]
    tables = [table(group, rows) for group, rows in figures.items()]
    errors = [_error(dataset, scored, index) for index in shown(worst_errors(scored, n_errors))]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}: out-of-fold report</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>Infarction detector “{escape(name)}”: out-of-fold report</h1>
<p class="note">{NOTICE}</p>
<p>{escape(PROTOCOL)} {len(scored.mi):,} records, {int(scored.infarction.sum())} with an infarction.</p>
<h2>Charts</h2><div class="charts">{"".join(charts)}</div>
<h2>Figures</h2>{"".join(tables)}
<h2>The {len(errors)} worst errors</h2>
<p>Decisions that were wrong by most, each by networks that did not see the patient.</p>{"".join(errors)}
</body></html>
"""

"""The toolkit as an installed package: the programs and rooms of the repository lie beside this file, in `app/`.

    from ecg_mi import Detector, read_record

    finding = Detector.load().predict(signal, fs_hz=500, leads=["I", "II", ...])   # signal (12, n) in mV

The rooms import one another by their own names (`cardiac`, `tasks`, ...), so `app/` goes to the front of the search path once
this package is imported; site-packages itself gets no module called `utils` or `models`.
"""

import sys
from pathlib import Path

__version__ = "0.1.0"
HERE = Path(__file__).resolve().parent
APP = HERE / "app" if (HERE / "app").is_dir() else HERE.parent  # in a clone: the repository itself

if str(APP) not in sys.path:
    sys.path.insert(0, str(APP))

from cardiac.errors import CardiacError  # noqa: E402
from cardiac.records import read_record  # noqa: E402
from inference import Detector, predict_record  # noqa: E402

__all__ = ["CardiacError", "Detector", "predict_record", "read_record"]

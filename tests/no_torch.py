"""A plugin that takes the networks' and the site's packages away: `pytest -p tests.no_torch tests/cardiac`."""

import sys
from collections.abc import Sequence
from types import ModuleType

AWAY = {"torch", "onnxruntime", "safetensors", "flask", "ray"}


class Away:
    """A finder that is asked first, and has none of them."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if name.partition(".")[0] in AWAY:
            raise ImportError(f"{name} is taken away: the core must do without it", name=name)


present = AWAY & sys.modules.keys()
if present:
    raise RuntimeError(f"{', '.join(sorted(present))} imported before it could be taken away")
sys.meta_path.insert(0, Away())

"""What a machine may lack."""

import importlib
from types import ModuleType

import pytest


def lightgbm_or_skip() -> ModuleType:
    """LightGBM; a machine without the OpenMP library that it loads skips the whole module, with the reason."""
    try:
        return importlib.import_module("lightgbm")
    except OSError as error:
        pytest.skip(f"LightGBM cannot be loaded ({error})", allow_module_level=True)

"""What every application makes anew though it is always the same, made once a process or only where it is asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from apispec import APISpec
from flask import Flask
from flask_smorest import Blueprint
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class KeptCode(BytecodeCache):
    """Templates' code, for all applications of this process."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


@contextmanager
def made_once() -> Iterator[None]:
    """Until this ends, templates are compiled once, and the API's document is made for whoever asks for it."""
    describe, as_dict = Blueprint.register_views_in_doc, APISpec.to_dict

    def later(blueprint: Blueprint, api: Any, app: Flask, spec: APISpec, **given: Any) -> None:
        waiting: list[Callable[[], None]] = spec.__dict__.setdefault("waiting", [])
        waiting.append(lambda: describe(blueprint, api, app, spec, **given))

    def now(spec: APISpec) -> dict[str, Any]:
        for each in spec.__dict__.pop("waiting", []):
            each()
        return as_dict(spec)

    with pytest.MonkeyPatch.context() as during:
        during.setattr(Blueprint, "register_views_in_doc", later)
        during.setattr(APISpec, "to_dict", now)
        during.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": KeptCode()})
        yield

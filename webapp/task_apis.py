"""What programs may ask of detectors: the operation of every `tasks/*/api.py`, in the API and in its OpenAPI document.

Such a module has DESCRIPTION, a text; REQUEST and ANSWER, marshmallow schemas of JSON objects; and `answer`, which makes an
ANSWER of what REQUEST loaded and raises CardiacError for what cannot be answered. It lies at POST /api/v1/NAME of its task.
CONTRACTS are addresses at the root, such as "/predict", that a contract from elsewhere names: the same is asked there.
READ_BYTES is how long a body is read; of one that is longer, up to 64 MB, TOO_LONG is said. All of it is behind the guard
of the API: tokens or sessions of reviewers, a row in the trail, problem documents. Nothing is stored.
"""

import re
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask, request
from flask_smorest import Api, Blueprint
from marshmallow import Schema, ValidationError

import tasks
from cardiac.errors import ConfigError
from webapp.access import MOST_TASK_BYTES, leave_trail, require_role
from webapp.api.answers import api_blueprint, json_body, problems, sent_json

ADDRESS = re.compile("/[a-z][a-z0-9_]*")
NEEDED = ("DESCRIPTION", "REQUEST", "ANSWER", "READ_BYTES", "TOO_LONG", "answer")


def find_apis() -> list[ModuleType]:
    """The API modules of all tasks, by name. Raises ConfigError for one that cannot be imported."""
    names = {path.parent.name for folder in tasks.__path__ for path in Path(folder).glob("*/api.py")}
    return [_import(f"tasks.{name}.api") for name in sorted(names)]


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(f"{name}: cannot be imported ({error}): install what it needs, or take it away") from error


def add_apis(app: Flask, api: Api, modules: Iterable[ModuleType]) -> None:
    """Put the operations of API modules into the application and its document. Raises ConfigError."""
    for module in modules:
        _check(app, module)
        name = module.__name__.split(".")[-2]
        view = _view(module)
        _register(app, api, module, f"{name}_api", "/api/v1", f"/{name}", view)
        for address in getattr(module, "CONTRACTS", ()):
            app.extensions.setdefault("contracts", set()).add(address)
            _register(app, api, module, f"{name}{address.replace('/', '_')}", "", address, view)


def _check(app: Flask, module: ModuleType) -> None:
    """Raises ConfigError for a module that lacks something, or an address that is none or is taken."""
    for needed in NEEDED:
        if not hasattr(module, needed):
            raise ConfigError(f"{module.__name__}: has no {needed}: see webapp/task_apis.py")
    for schema in (module.REQUEST, module.ANSWER):
        if not (isinstance(schema, type) and issubclass(schema, Schema)):
            raise ConfigError(f"{module.__name__}: REQUEST and ANSWER are marshmallow schemas: correct them")
    rules = [rule.rule for rule in app.url_map.iter_rules()]
    taken = {*rules, *(f"/{rule.split('/')[1]}" for rule in rules), *(f"/{name}" for name in app.blueprints)}
    for address in getattr(module, "CONTRACTS", ()):
        if not ADDRESS.fullmatch(address) or address in taken:
            raise ConfigError(f"{module.__name__}: the address {address!r} is taken, or is none: give another")
    if f"/api/v1/{module.__name__.split('.')[-2]}" in taken:
        raise ConfigError(f"{module.__name__}: its address is taken: rename the task")


def _view(module: ModuleType) -> Callable[[], Any]:
    def ask() -> Any:
        require_role("reviewer")
        leave_trail("asked a detector", detail=request.endpoint or "")
        if request.mimetype == "application/json" and (request.content_length or 0) > module.READ_BYTES:
            raise ValidationError(module.TOO_LONG)
        return module.answer(sent_json(module.REQUEST(), module.READ_BYTES))

    ask.__doc__ = module.DESCRIPTION
    return ask


def _register(
    app: Flask, api: Api, module: ModuleType, name: str, prefix: str, address: str, view: Callable[[], Any]
) -> None:
    blueprint: Blueprint = api_blueprint(name, module.DESCRIPTION.partition("\n")[0])
    documented = problems(blueprint, 403, 413, 415, 422)(view)
    documented = blueprint.response(200, module.ANSWER)(documented)
    documented = blueprint.doc(requestBody=json_body(module.REQUEST))(documented)
    blueprint.add_url_rule(address, endpoint="ask", view_func=documented, methods=["POST"])
    api.register_blueprint(blueprint, url_prefix=prefix)
    app.extensions.setdefault("task_bodies", {})[f"{name}.ask"] = min(MOST_TASK_BYTES, app.config["MAX_CONTENT_LENGTH"])

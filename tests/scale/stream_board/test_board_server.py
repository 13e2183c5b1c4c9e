"""The board's server over real sockets: who is let in, what viewers are sent, and that none holds up another."""

import base64
import http.client
import json
import re
import socket
import threading
import time
import tomllib
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

for needed in ("starlette", "uvicorn", "sse_starlette"):
    pytest.importorskip(needed, reason=f"{needed} is not installed: pip install -r requirements-stream.txt")

from cardiac import NOTICE
from cardiac.errors import CardiacError, ConfigError
from scale.stream.board import server as board_server
from scale.stream.board.server import BoardServer, make_app
from scale.stream.board.state import BoardState
from scale.stream.board.words_ru import RUSSIAN
from scale.stream.messages import Chunk, Result
from tests.browser import faultless_page, needs_chromium, opened_page, started_chromium
from tests.patience import LONG_S, wait_until

TOKEN = "a long enough token"
HOSTILE = "<img src=x onerror=alert(1)>"

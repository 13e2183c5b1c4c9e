"""The compose file and the Dockerfile, as far as they can be judged where no container runs."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import webapp.main
from webapp.proxies import read_proxies

NO_CHECKER = "check-jsonschema is not installed (requirements-test.txt)"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@pytest.fixture
def compose(root):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load((root / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def example(root):
    """Variable -> value of .env.example."""
    lines = (root / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(values, example):
    """A command's words with the example's values in the place of its variables."""
    return [VARIABLE.sub(lambda found: example[found[1]], str(each)) for each in values]


def instructions(root):
    """(word, arguments) of the Dockerfile, lines that go on joined."""
    text = (root / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def check(path):
    """What the Compose specification's schema says against a file; nothing where it is one."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_compose_file_is_one(root, tmp_path):
    pytest.importorskip("check_jsonschema", reason=NO_CHECKER)
    assert check(root / "compose.yaml") == ""
    wrong = tmp_path / "compose.yaml"
    text = (root / "compose.yaml").read_text(encoding="utf-8")
    wrong.write_text(text.replace("    restart: unless-stopped", "    restrat: always"), encoding="utf-8")
    assert "restrat" in check(wrong)


def test_the_dockerfile_is_linted(root):
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed (requirements-test.txt)")
    done = subprocess.run([program, str(root / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_variable_stands_in_the_example(root, example):
    text = (root / "compose.yaml").read_text(encoding="utf-8")
    asked = [found.groups() for found in VARIABLE.finditer(text)]
    assert {name for name, _, _ in asked} == example.keys()
    for name, kind, default in asked:
        if kind == "-":
            assert default == example[name]
        else:
            assert kind == "?" and default  # it is said what is missing
    assert text.count("$") == len(asked)


def test_there_is_no_password_by_default(root, example):
    secret = [name for name in example if re.search("PASSWORD|SECRET|KEY|TOKEN", name)]
    assert secret == ["POSTGRES_PASSWORD"]
    assert example["POSTGRES_PASSWORD"] == ""
    text = (root / "compose.yaml").read_text(encoding="utf-8")
    assert all(
        re.search(r"PASSWORD: \$\{POSTGRES_PASSWORD:\?", line) for line in text.splitlines() if "PASSWORD:" in line
    )
    assert not re.search(r"://\w+:[^/\s]*@", text)
    assert ".env" in (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_services_are_kept_small(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service
        assert name in ("database", "site", "proxy", "search-database", "search")
    assert compose["services"]["database"].get("ports") is None
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["site"]["ports"])
    assert compose["networks"]["inside"]["internal"]
    for name in ("database", "site"):
        assert "healthcheck" in compose["services"][name]
    named = {each.split(":")[0] for service in compose["services"].values() for each in service.get("volumes", [])}
    assert {each for each in named if not each.startswith("$")} == compose["volumes"].keys()


def test_the_proxy_is_one_that_the_site_believes(compose, example):
    proxy = compose["services"]["proxy"]
    assert proxy["profiles"] == ["tls"]  # nobody needs it who has a proxy
    assert read_proxies(example["SITE_PROXIES"]).has(proxy["networks"]["outside"]["ipv4_address"])
    words = filled(proxy["command"], example)
    assert words[words.index("--to") + 1] == "site:5000" and "--port=5000" in compose["services"]["site"]["command"]
    assert proxy["cap_add"] == ["NET_BIND_SERVICE"]


def entrypoint(root, target):
    """The command that a target of the Dockerfile starts, as words."""
    within = None
    for word, rest in instructions(root):
        within = rest.split(" AS ")[-1] if word == "FROM" else within
        if word == "ENTRYPOINT" and within == target:
            return [str(each) for each in shlex.split(rest.strip("[]").replace(",", " "))]
    raise AssertionError(target)


def test_the_site_takes_its_command(root, compose, example):
    words = entrypoint(root, "site")
    assert words[0] == "python" and (root / words[1]).is_file()
    options = webapp.main._parser().parse_args(words[2:] + filled(compose["services"]["site"]["command"], example))
    assert options.data == Path("/data") and options.host == "0.0.0.0"
    proxies = read_proxies(options.behind_proxy)
    gateway = compose["networks"]["outside"]["ipam"]["config"][0]["gateway"]
    assert proxies.has(gateway) and proxies.has("127.0.0.1")  # the health check's address
    assert not proxies.has("172.31.57.2")


def test_a_worker_takes_its_command(root, compose, example):
    tune = pytest.importorskip("scale.tune", reason="requirements-scale.txt is not installed")
    words = entrypoint(root, "search")
    assert words == ["python", "-m", "scale.tune"]
    options = tune._parser().parse_args(filled(compose["services"]["search"]["command"], example))
    assert options.detector == "rr" and options.n_trials == 100
    assert "@" in options.storage and options.storage.endswith("/search")


def test_what_the_dockerfile_copies_is_there(root):
    ignored = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [rest.split() for word, rest in instructions(root) if word == "COPY"]
    assert len(copied) >= 3
    for *sources, _ in copied:
        for source in sources:
            assert (root / source).exists(), source
            assert source not in ignored
    for needed in ("webapp", "checkpoints", "cardiac", "tasks", "scale", "configs", "learning"):
        assert (root / needed).is_dir() and needed not in ignored


def test_nobody_is_root(root):
    users = [rest for word, rest in instructions(root) if word == "USER"]
    targets = [rest.split(" AS ")[1] for word, rest in instructions(root) if word == "FROM"]
    assert targets == ["base", "search", "live", "site"]
    assert users == ["10001:10001"] * 3


@pytest.fixture
def live(root):
    """compose.kafka.yaml, its settings merged."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load((root / "compose.kafka.yaml").read_text(encoding="utf-8"))


def test_the_compose_file_of_the_live_pipeline_is_one(root):
    pytest.importorskip("check_jsonschema", reason=NO_CHECKER)
    assert check(root / "compose.kafka.yaml") == ""


def test_the_live_roles_take_their_commands(root, live):
    main = pytest.importorskip("scale.stream.__main__", reason="requirements-stream.txt is not installed")
    assert entrypoint(root, "live") == ["python", "-m", "scale.stream"]
    roles = ("filter", "classify", "sink", "board")
    for role in roles:
        options = main._parser().parse_args(live["services"][role]["command"])
        assert options.role == role
        assert options.bootstrap_servers.count("kafka-") == 3
        settings = main.read_settings(root / options.client_config)
        assert settings["security.protocol"] == "SSL"
        mounted = " ".join(live["services"][role]["volumes"])
        assert all(path in mounted for name, path in settings.items() if "location" in name)
    assert main._parser().parse_args(live["services"]["board"]["command"]).host == "0.0.0.0"
    assert live["services"]["board"]["environment"]["ECG_BOARD_TOKEN"].startswith("${ECG_BOARD_TOKEN:?")
    assert {name for name, each in live["services"].items() if "ports" in each} == {"board"}


def test_brokers_ask_everybody_for_a_certificate_and_lose_nothing_when_one_dies(live):
    brokers = [each for name, each in live["services"].items() if name.startswith("kafka-")]
    assert [each["environment"]["KAFKA_NODE_ID"] for each in brokers] == ["1", "2", "3"]
    for each in brokers:
        settings = each["environment"]
        assert settings["KAFKA_SSL_CLIENT_AUTH"] == "required"
        assert (
            settings["KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND"] == settings["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
        )
        assert "PLAINTEXT" not in " ".join(settings.values())
        assert "SSL://" not in settings["KAFKA_ADVERTISED_LISTENERS"]
        assert (settings["KAFKA_DEFAULT_REPLICATION_FACTOR"], settings["KAFKA_MIN_INSYNC_REPLICAS"]) == ("3", "2")


def test_every_role_may_do_what_it_does_and_no_more(root):
    kafka = pytest.importorskip("scale.stream.kafka")
    text = (root / "scale/stream/production/topics.sh").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines()]
    assert {line[1] for line in lines if line[:1] == ["topic"]} == {*kafka.TOPICS}
    for role, (reads, writes) in kafka.USES.items():
        for what, topics in (("Read", reads), ("Write", writes)):
            allowed = {name for line in lines if line[:3] == ["may", role, what] for name in line[3:]}
            assert allowed == {*topics}, (role, what)
    assert subprocess.run(["sh", "-n", "scale/stream/production/topics.sh"], cwd=root, check=False).returncode == 0

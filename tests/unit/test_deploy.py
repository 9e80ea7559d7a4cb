"""The files for servers name what exists: programs, options, variables, and a sound systemd configuration."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from densing_pipeline.settings import variables

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OTHERS = {"DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY", "HF_TOKEN", "PGPASSWORD"}
"""Variables of Dagster, of the Hub's client, and of Postgres's."""

MOST_EXPOSED = 5.0
"""Of ten, in `systemd-analyze security`: `medium` begins there."""


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("needs systemd-analyze")
    return found


def installed(unit: Path, folder: Path) -> Path:
    """A copy whose programs are those of this environment."""
    bin_folder = str(Path(sys.executable).parent)
    copy = folder / unit.name
    copy.write_text(unit.read_text().replace("/opt/densing/bin", bin_folder))
    return copy


def test_systemd_takes_the_units_as_they_are(analyze, tmp_path):
    copies = [str(installed(unit, tmp_path)) for unit in UNITS]
    done = subprocess.run(  # noqa: S603
        [analyze, "verify", *copies],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    complaints = [line for line in done.stdout.splitlines() if "densing" in line]
    assert complaints == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_services_are_confined(analyze, unit, tmp_path):
    done = subprocess.run(  # noqa: S603
        [analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}",
         str(installed(unit, tmp_path))],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if "unrecognized option" in done.stdout:
        pytest.skip("this systemd-analyze judges no unit files")
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_every_variable_of_the_environment_file_is_known():
    text = (DEPLOY / "densing.env").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", text, flags=re.MULTILINE))
    assert named - {one.name for one in variables()} == OTHERS


def test_every_variable_of_the_containers_is_known():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    named = set(compose["x-densing"]["environment"])
    assert named - {one.name for one in variables()} <= OTHERS


def test_containers_get_every_variable_of_the_environment_file_and_their_own_paths():
    """`deploy/.env` is a copy of `densing.env`; only its own variables would be read where each were named."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert compose["x-densing"]["env_file"] == ".env"
    assert "env_file" not in compose["services"]["postgres"]
    image = (DEPLOY / "Containerfile").read_text()
    set_there = re.findall(
        r"^((?:DENSING|DAGSTER)_(?:STATE_DIR|HOME|PUBLISH_URL)=\S+)",
        (DEPLOY / "densing.env").read_text(),
        re.MULTILINE,
    )
    assert len(set_there) == 3
    assert all(f" {each} " in image.replace("\n", " ") for each in set_there)


def test_a_file_of_secrets_is_in_no_commit_and_no_image():
    assert "deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()
    # Docker and Podman both read it.
    left_out = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"deploy/.env", ".densing/"} <= set(left_out)


def test_the_web_page_is_bound_to_loopback():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert compose["services"]["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    assert "ports" not in compose["services"]["postgres"]
    unit = (DEPLOY / "systemd" / "densing-webserver.service").read_text()
    assert "--host 127.0.0.1" in unit


def test_daemon_and_web_page_ask_the_code_server_by_the_workspace_file():
    """At its socket, which is in a folder of the service alone, and by the name under which they would start the code themselves."""
    [named] = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    told, module = named["grpc_server"], "densing_pipeline.definitions"
    assert told["location_name"] == module
    started = f"--socket {told['socket']} --module-name {module} --location-name {module}"
    code, daemon, web = (
        (DEPLOY / "systemd" / f"densing-{name}.service").read_text()
        for name in ("code", "daemon", "webserver")
    )
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = {name: str(each) for name, each in compose["services"].items()}
    for text in (code, services["code"]):
        assert started in text
    for text in (daemon, web, services["daemon"], services["webserver"]):
        assert "--workspace /etc/densing-workspace.yaml" in text
        assert module not in text
    assert "RuntimeDirectory=densing\nRuntimeDirectoryMode=0700" in code
    assert "socket:/run/densing" in compose["x-densing"]["volumes"]


@pytest.mark.heavy
@pytest.mark.parametrize("program", ["dagster-daemon", "dagster-webserver", "dagster"])
def test_the_programs_have_the_options_that_the_units_give(program):
    [line] = [
        line
        for unit in UNITS
        for line in unit.read_text().splitlines()
        if line.startswith(f"ExecStart=/opt/densing/bin/{program} ")
    ]
    options = set(re.findall(r"--[a-z-]+", line))
    command = [
        str(Path(sys.executable).parent / program),
        *{"dagster-daemon": ["run"], "dagster": ["api", "grpc"]}.get(program, []),
        "--help",
    ]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603
    assert {option for option in options if option not in told} == set()


def test_every_test_that_the_threat_model_names_is_there():
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).is_file()] == []

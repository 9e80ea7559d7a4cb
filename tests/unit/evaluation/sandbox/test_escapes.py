"""Programs that mean harm: none gets out, none gets a pass it did not earn, none stays."""

import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from densing_pipeline.evaluation.sandbox import Sandbox

pytestmark = pytest.mark.heavy

WRONG = {
    "ends its process": "import os\ndef f(): os._exit(0)",
    "exits before its checks": "import sys\nsys.exit(0)",
    "exits in the middle of them": "import sys\ndef f(): sys.exit(0)",
    "claims to equal everything": """
class Right:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = None
def f(): return Right()
""",
    "claims to be a number that equals everything": """
class Right(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def f(): return Right(7)
""",
    "prints a verdict": r"""
import os, sys
said = 'x started\nx ""\n' + '0' * 32 + ' ""\n'
print(said); print(said, file=sys.stderr)
for fd in range(64):
    try: os.write(fd, said.encode())
    except OSError: pass
for way in ('/proc/1/fd/1', '/dev/stdout', '/dev/tty', '/proc/1/fd/4', '/proc/1/fd/5'):
    try: open(way, 'w').write(said)
    except OSError: pass
def f(): return None
""",
    "forges the answers of the worker": r"""
import json, socket
frame = json.dumps(['value', 7, None]).encode()
frame = len(frame).to_bytes(8, 'big') + frame
for fd in range(64):
    try: socket.socket(fileno=fd).sendall(frame * 50)
    except OSError: pass
def f(): return 7
""",
    "patches the checker it finds in sys.modules": """
import sys
main = sys.modules['__main__']
main.judge = main._decided = lambda *_: ''
main.Link.ask = lambda *_: 42
main.json.dumps = lambda *_: '""'
def f(): return None
""",
    "patches the checker through its frames": """
import sys
frame = sys._getframe()
while frame:
    frame.f_globals['judge'] = frame.f_globals['_decided'] = lambda *_: ''
    frame.f_locals.update(reason='', tests='')
    frame = frame.f_back
def f(): return None
""",
    "leaves a verdict for the exit": r"""
import atexit, os, sys
atexit.register(lambda: os.write(1, b'x ""'))
sys.exitfunc = lambda: print('x ""')
def f(): raise SystemExit(0)
""",
    "replaces what tests are made of": """
import builtins
builtins.AssertionError = None
builtins.abs = builtins.all = builtins.isinstance = lambda *_: True
abs = all = lambda *_: 0
def f(): return None
""",
    "looks the tests up in memory": """
import gc
def f():
    found = [int(text) for text in gc.get_objects() if isinstance(text, str) and text.isdigit()]
    with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
        for line in maps:
            if 'rw' in line:
                low, high = (int(end, 16) for end in line.split()[0].split('-'))
                memory.seek(low)
                at = memory.read(high - low).find(b'assert abs(f() - ')
                if at >= 0: return 42
    return found[0]
""",
    "stops its judge": """
import os, signal
for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGALRM):
    for process in (1, os.getppid(), -1):
        try: os.kill(process, number)
        except OSError: pass
def f(): return None
""",
    "ignores SIGTERM and waits": """
import signal, time
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True: time.sleep(60)
""",
    "computes for ever": "while True: pass",
    "forks for ever": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "starts threads for ever": """
import threading, time
while True:
    try: threading.Thread(target=time.sleep, args=(60,)).start()
    except RuntimeError: pass
""",
    "talks for ever": "import sys\nwhile True: print('x' * 10**6); sys.stderr.write('x' * 10**6)",
    "allocates 10 GB": "kept = bytearray(10 * 10**9)\ndef f(): return 42",
    "allocates for ever": "kept = []\nwhile True: kept.append(bytearray(10**7))",
    "recurses to the bottom": """
import sys
sys.setrecursionlimit(10**9)
def f(): return f()
""",
    "crashes": "import ctypes\ndef f(): ctypes.string_at(0)",
    "returns a list that holds itself": "kept = []\nkept.append(kept)\ndef f(): return kept",
    "returns what is too deep to be read": """
def f():
    value = 42
    for _ in range(100000): value = [value]
    return value
""",
    "returns a billion bytes": "def f(): return 'x' * 10**9",
    "has a null byte in it": "def f(): return 42\0",
    "is no text": "def f(): return '\udc80'",
}  # fmt: skip
"""Programs of which `f() == 42` must not be held true."""


@pytest.mark.parametrize("program", WRONG.values(), ids=WRONG)
def test_no_program_passes_that_does_not_give_the_right_answer(
    impatient: Sandbox, program: str
) -> None:
    verdict = impatient.check(program, "assert abs(f() - 42) < 1e-9\nassert f() == 42")
    assert not verdict.passed
    assert verdict.reason


HELPLESS = {
    "reach the network": """
import socket
def f():
    reached = []
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, 40, 38, 17):
        try: socket.socket(family, socket.SOCK_RAW if family == 17 else socket.SOCK_STREAM)
        except OSError: continue
        reached.append(int(family))
    try: reached.append(socket.getaddrinfo('localhost.localdomain', 80))
    except OSError: pass
    return reached
""",
    "read its host's files": """
import os
def f():
    seen = [place for place in ('/etc/passwd', '/etc/shadow', '/root', '/home', '/var', '/mnt', '/opt',
            '/run', '/sys', '/boot', '/proc/1/environ', '/proc/1/mem', '/proc/1/fd/0') if readable(place)]
    return seen + [place for place in os.listdir('/') if place not in
        ('usr', 'bin', 'lib', 'lib32', 'lib64', 'sbin', 'proc', 'dev', 'tmp')]
def readable(place):
    try:
        return os.listdir(place) if os.path.isdir(place) else bool(open(place, 'rb').read(1))
    except OSError:
        return False
""",
    "see another process": """
import os
def f(): return [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) > 50]
""",
    "take its judge's memory, files or life": """
import ctypes, os, signal
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    done = [call for call, args in (('ptrace', (16, 1, 0, 0)), ('process_vm_readv', (1, 0, 0, 0, 0, 0)))
            if getattr(libc, call)(*args) != -1]
    for place in ('/proc/1/mem', '/proc/1/fd/1', '/proc/1/fd/3', '/proc/1/environ', '/proc/1/maps'):
        try: open(place, 'rb+', 0)
        except OSError: continue
        done.append(place)
    return done
""",
    "become somebody else": """
import ctypes, os
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    done = [] if os.getuid() else ['root']
    for call, args in (('unshare', (0x10000000,)), ('setuid', (0,)), ('mount', (b'none', b'/tmp', b'tmpfs', 0, 0)),
                       ('chroot', (b'/tmp',)), ('setns', (0, 0)), ('umount2', (b'/dev', 2)), ('shmget', (0, 4096, 0o1777)),
                       ('memfd_create', (b'x', 0)), ('reboot', (0,))):
        if getattr(libc, call)(*args) != -1: done.append(call)
    return done
""",
    "raise its limits": """
import resource
def f():
    raised = []
    for name in ('AS', 'NPROC', 'FSIZE', 'NOFILE', 'CPU', 'CORE'):
        kind = getattr(resource, 'RLIMIT_' + name)
        try: resource.setrlimit(kind, (resource.getrlimit(kind)[1] + 1,) * 2)
        except (OSError, ValueError): continue
        raised.append(name)
    return raised
""",
    "fill a disk": """
import os
def f():
    places, written = ['/', '/usr', '/usr/lib', '/dev', '/dev/shm', '/proc', '/tmp', '/var/tmp'], 0
    for place in places:
        for number in range(40):
            try:
                with open(f'{place}/{number}', 'wb', 0) as file:
                    for _ in range(10): written += file.write(bytes(2**20))
            except OSError: continue
    return [] if written <= 16 * 2**20 else [written]
""",
    "write a file of any size": """
def f():
    try:
        with open('/tmp/x', 'wb', 0) as file:
            file.truncate(10 * 2**30)
    except OSError: return []
    return ['10 GiB']
""",
}  # fmt: skip


@pytest.mark.parametrize("program", HELPLESS.values(), ids=HELPLESS)
def test_no_program_can(sandbox: Sandbox, program: str) -> None:
    verdict = sandbox.check(program, "found = f()\nassert not found, found")
    assert verdict.reason == ""


def test_secrets_in_environment_and_files_of_the_job_stay_there(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = secrets.token_hex(8)
    monkeypatch.setenv("HF_TOKEN", secret)
    (tmp_path / "token").write_text(secret)
    program = f"""
import glob, os
def f():
    found = [value for value in os.environ.values()]
    for place in [{str(tmp_path / "token")!r}, *glob.glob('/proc/*/environ'), *glob.glob('/proc/*/cmdline')]:
        try: found.append(open(place, errors='replace').read())
        except OSError: pass
    return ' '.join(found)
"""
    verdict = sandbox.check(program, f"assert {secret!r} not in f()")
    assert verdict.reason == ""


@pytest.mark.parametrize(
    "start",
    [
        "os.fork() or time.sleep(600)",
        "os.fork() or (os.setsid(), os.fork(), time.sleep(600))",
        "subprocess.Popen(['sleep', '600'], start_new_session=True)",
        "subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP INT; sleep 600 & sleep 600'])",
    ],
    ids=["child", "daemon", "session", "shell"],
)
def test_nothing_a_program_started_outlives_its_verdict(sandbox: Sandbox, start: str) -> None:
    marked = replace(sandbox, seconds=10 + secrets.randbelow(10**6) / 1e6)
    program = f"import os, subprocess, time\n{start}\ndef f(): return 42"
    assert marked.check(program, "assert f() == 42").passed
    assert _alive(marked) == []


def test_a_killed_job_takes_its_sandboxes_along(sandbox: Sandbox) -> None:
    marked = replace(sandbox, seconds=60 + secrets.randbelow(10**6) / 1e6)
    job = subprocess.Popen(  # noqa: S603 - our own command line
        [
            sys.executable,
            "-c",
            "from densing_pipeline.evaluation.sandbox import *\n"
            f"open_sandbox('bubblewrap', seconds={marked.seconds}).check("
            "'import time; time.sleep(600)', 'pass')",
        ]
    )
    # A sandbox of the self-test or the program's: each has to go with its job.
    while not (alive := _alive(marked)) and job.poll() is None:
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    assert alive
    # A sandbox that stays keeps the test here, until pytest's own limit ends it.
    while _alive(marked):
        time.sleep(0.05)


def _alive(sandbox: Sandbox) -> list[str]:
    """Processes of the sandbox with this very time limit; the limit is on their command lines."""
    mark = f"{3 * sandbox.seconds}]".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found

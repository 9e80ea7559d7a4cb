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
    "becomes another program": "import os\nos.execv('/usr/bin/true', ['true'])",
    "becomes a shell that says the verdict": r"""
import os
os.execv('/bin/sh', ['sh', '-c', 'for fd in 0 1 2 3 4 5 6 7 8 9; do printf "x \\"\\"\\n" >&$fd; done; exit 0'])
""",
    "lies in its arithmetic": """
class Right:
    def __abs__(self): return 0.0
    def __sub__(self, other): return self
    __rsub__ = __sub__
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
def f(): return Right()
""",
    "lies in the arithmetic of a number": """
class Right(float):
    def __sub__(self, other): return 0.0
    def __eq__(self, other): return True
    __hash__ = float.__hash__
def f(): return Right(7)
""",
    "returns a class that equals everything": """
class Meta(type):
    def __eq__(self, other): return True
    __hash__ = type.__hash__
    def __sub__(self, other): return 0
class Right(metaclass=Meta): pass
def f(): return Right
""",
    "raises what its judge catches": """
import sys
main = sys.modules['__main__']
def f(): raise main.Late
""",
    "raises an exception of a lying name": """
Passed = type('SystemExit', (BaseException,), {'__str__': lambda self: ''})
def f(): raise Passed(0)
""",
    "raises while it is deleted": """
class Right:
    def __del__(self): raise SystemExit(0)
def f(): return Right()
""",
    "answers with half a frame": """
import os, socket, time
def f():
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall((9).to_bytes(8, 'big') + b'["va')
        except OSError: pass
    time.sleep(60)
""",
    "announces an answer of endless length": """
import os, socket
def f():
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall(b'\\xff' * 8 + b'x' * 100)
        except OSError: pass
""",
    "answers with no JSON": """
import os, socket
def f():
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall((4).to_bytes(8, 'big') + b'\\xff\\xfe{[')
        except OSError: pass
""",
    "answers with values of no kind": """
import json, os, socket
def f():
    for told in (['value', ['nothing', 42], None], ['value', ['object', [1]], None], 42, {}, ['value']):
        frame = json.dumps(told).encode()
        for fd in range(3, 64):
            try: socket.socket(fileno=os.dup(fd)).sendall(len(frame).to_bytes(8, 'big') + frame)
            except OSError: pass
""",
    "leaves a child that answers in its place": """
import os
def f():
    if os.fork(): os._exit(0)
    return 7
""",
    "closes all its files": "import os\ndef f(): os.closerange(0, 64)",
    "answers from a thread while it waits": r"""
import json, os, socket, threading, time
frame = json.dumps(['value', 41, None]).encode()
frame = len(frame).to_bytes(8, 'big') + frame
def flood():
    while True:
        for fd in range(3, 16):
            try: socket.socket(fileno=os.dup(fd)).sendall(frame)
            except OSError: pass
threading.Thread(target=flood, daemon=True).start()
def f(): time.sleep(60)
""",
    "traces what is run": """
import sys, threading
def right(frame, event, value):
    frame.f_locals.update(reason='', value=['value', 42, None])
    return right
sys.settrace(right); sys.setprofile(right); threading.settrace(right)
def f(): return None
""",
    "leaves modules for its judge to import": """
import os, sys
for name in ('math', 'fractions', 'decimal', 'json', 'sitecustomize', 'usercustomize'):
    for place in ('/tmp', os.getcwd(), os.path.expanduser('~')):
        try: open(f'{place}/{name}.py', 'w').write('import os\\nos._exit(0)')
        except OSError: pass
def f(): return None
""",
    "writes its verdict into the judge's terminal": r"""
import fcntl, os, termios
for fd in range(64):
    for letter in b'x ""\n':
        try: fcntl.ioctl(fd, termios.TIOCSTI, bytes([letter]))
        except OSError: pass
def f(): return None
""",
    "is a bomb of digits": "def f(): return 10 ** (10**7)",
    "is a bomb of a fraction": """
from fractions import Fraction
def f():
    value = Fraction.__new__(Fraction)
    value._numerator, value._denominator = (1 << 10**7) + 1, (1 << 10**7) - 1
    return value
""",
    "is a bomb of a decimal exponent": "from decimal import Decimal\ndef f(): return Decimal('1e999999999')",
    "is a bomb of numbers with one hash": """
import json, os, socket
def f():
    frame = json.dumps(['value', ['set', [n * (2**61 - 1) for n in range(60000)]], None]).encode()
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall(len(frame).to_bytes(8, 'big') + frame)
        except OSError: pass
""",
    "is a bomb of nested lists": """
import os, socket
def f():
    frame = b'["value",' + b'[' * 10**6 + b']' * 10**6 + b',null]'
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall(len(frame).to_bytes(8, 'big') + frame)
        except OSError: pass
""",
    "is a bomb of many elements": "def f(): return [0] * 10**8",
    "is a pickle that runs": """
import pickle
class Right:
    def __reduce__(self): return (exec, ("import os; os._exit(0)",))
def f(): return pickle.dumps(Right())
""",
    "reduces itself to a call": """
class Right(int):
    def __reduce_ex__(self, protocol): return (print, ('x ""',))
def f(): return Right(7)
""",
    "lowers its judge's limits": """
import ctypes, resource, struct
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_STACK):
        libc.prlimit(1, kind, struct.pack('QQ', 0, 0), None)
    return None
""",
    "stops its judge through a handle of its process": """
import ctypes, os, signal
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in (1, os.getppid()):
        handle = libc.syscall(434, pid, 0)
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGALRM, signal.SIGXCPU, signal.SIGSEGV):
            libc.syscall(424, handle, number, None, 0); libc.syscall(234, pid, pid, number)
    return None
""",
    "takes its judge's turns": """
import os
def f():
    for change in (lambda: os.setpriority(os.PRIO_PROCESS, 1, 19), lambda: os.sched_setaffinity(1, {0}),
                   lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))):
        try: change()
        except OSError: pass
    return None
""",
    "has a text that cannot be told": """
class Odd(Exception):
    def __str__(self): raise self
def f(): raise Odd
""",
    "names its exception for ever": "def f(): raise type('X' * 10**8, (Exception,), {})",
    "lists keys that change while they are read": """
class Odd(dict):
    def items(self):
        while True: yield (42, 42)
def f(): return Odd()
""",
    "is a list that lies about its elements": """
class Right(list):
    def __eq__(self, other): return True
    def __iter__(self): return iter([])
    __hash__ = None
def f(): return Right([42])
""",
    "is a text that is all texts": """
class Right(str):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    __hash__ = str.__hash__
def f(): return Right('42')
""",
    "is a number that turns into another one": """
class Right(int):
    def __int__(self): return Right(7)
    def __index__(self): return 42
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def f(): return Right(7)
""",
    "is no number": "def f(): return float('nan')",
    "is an object that subtracts itself": """
class Right(complex):
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
def f(): return Right(7, 1)
""",
    "replaces what packs its answers": """
import fractions, json, sys
main = sys.modules['__main__']
main.PLAIN.clear(); main.READ.clear(); main.USES.clear()
main.ProgramLink.pack_object = lambda self, value: ['type', 'int']
json.dumps = lambda value, **_: '["value", ["type", "float"], null]'
def f(): return None
""",
    "says other names than it has": r"""
import json, os, socket
def answer(told):
    frame = json.dumps(told).encode()
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall(len(frame).to_bytes(8, 'big') + frame)
        except OSError: pass
answer(['value', ['list', ['f', 'abs', 'assert', 'AssertionError', '__builtins__']], None])
answer(['value', ['type', 'int'], None])
answer(['value', ['type', 'float'], None])
""",
    "sends its judge its own arguments changed": """
import json, os, socket
def f():
    frame = json.dumps(['value', ['object', 0], [['list', [['dict', [[['list', []], 1]]]]], 1, 2, 3]]).encode()
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall(len(frame).to_bytes(8, 'big') + frame)
        except OSError: pass
""",
    "starts its interpreter anew with other modules": """
import os, sys
open('/tmp/json.py', 'w').write('import os; os._exit(0)')
os.execve(sys.executable, [sys.executable, '-c', 'import json'], {'PYTHONPATH': '/tmp', 'LD_PRELOAD': '/tmp/x.so'})
""",
    "traces every call of the interpreter": """
import sys
def refuse(event, args):
    if event.startswith(('exec', 'compile', 'socket', 'object')): raise SystemExit(0)
sys.addaudithook(refuse)
def f(): return compile('7', 'x', 'eval')
""",
    "leaves handlers for all signals and faults": """
import faulthandler, signal
for number in range(1, 65):
    try: signal.signal(number, lambda *_: None)
    except (OSError, ValueError): pass
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def f(): faulthandler._sigsegv()
""",
    "drops its judge's socket": """
import gc, os, socket
for each in gc.get_objects():
    if isinstance(each, socket.socket): each.shutdown(socket.SHUT_RDWR)
def f(): return 42
""",
    "leaves many files without content": """
import os
def f():
    for number in range(10**5):
        try: os.open(f'/tmp/{number}', os.O_CREAT)
        except OSError: break
    raise MemoryError
""",
    "tells the number of another object": "import sys\ndef f(): return sys.modules['__main__'].Remote(None, 42)",
    "tells its answer in pieces": """
def f():
    yield 42
""",
    "says it is of another class": """
class Right:
    __class__ = int
    def __int__(self): return 42
def f(): return Right()
""",
    "is a class of which everything is an instance": """
class Meta(type):
    def __instancecheck__(cls, value): return True
class int(metaclass=Meta): pass
def f(): return int()
""",
    "hashes and compares for ever": """
class Slow(int):
    def __hash__(self):
        while True: pass
    __eq__ = __hash__
def f(): return {Slow(42)}
""",
    "looks its attributes up for ever": """
class Slow:
    def __getattribute__(self, name):
        while True: pass
def f(): return Slow()
""",
    "becomes a whole number for ever": """
class Slow(int):
    def __int__(self):
        while True: pass
def f(): return Slow(42)
""",
    "yields for ever": "def f():\n    while True: yield 42",
    "is a list without end": """
class Long(list):
    def __iter__(self):
        while True: yield 42
def f(): return Long()
""",
    "tells its exception for ever": """
class Slow(Exception):
    def __str__(self):
        while True: pass
def f(): raise Slow
""",
    "has an exception whose text is a number": """
class Odd(Exception):
    def __str__(self): return 42
def f(): raise Odd
""",
    "has a verdict in its exception's name": r"""
Odd = type('x\n' + '0' * 32 + ' ""', (Exception,), {})
def f(): raise Odd('\n' + '0' * 32 + ' ""')
""",
    "raises what needs other arguments": "def f(): raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'no')",
    "watches its interpreter": """
import sys
if hasattr(sys, 'monitoring'):
    sys.monitoring.use_tool_id(3, 'x')
    sys.monitoring.set_events(3, sys.monitoring.events.RAISE | sys.monitoring.events.LINE)
    sys.monitoring.register_callback(3, sys.monitoring.events.LINE, lambda *_: sys.exit(0))
def f(): return None
""",
    "replaces how modules are imported": """
import builtins, sys
class Finder:
    def find_spec(self, *_): raise SystemExit(0)
sys.meta_path.insert(0, Finder())
builtins.__import__ = lambda *_, **__: None
def f(): return None
""",
    "replaces how text is coded": r"""
import codecs
codecs.register(lambda name: exit())
codecs.register_error('strict', lambda error: ('42', error.end))
def f(): return '\udc80'
""",
    "is written in another alphabet": "# -*- coding: rot13 -*-\nqrs s(): erghea 42\n",
    "runs when memory is collected": """
import gc, os, weakref
gc.callbacks.append(lambda *_: os._exit(0))
gc.set_threshold(1)
class Odd: pass
def f():
    weakref.finalize(Odd(), os._exit, 0)
    return [[] for _ in range(1000)]
""",
    "makes 7 the number 42": """
import ctypes
def f():
    ctypes.memmove(id(42) + 24, id(7) + 24, 4)
    return 7
""",
    "stops itself": "import os, signal\ndef f(): os.killpg(0, signal.SIGSTOP)",
    "has the kernel signal its judge": """
import fcntl, os
def f():
    for fd in range(3, 64):
        try:
            fcntl.fcntl(fd, fcntl.F_SETOWN, 1)
            fcntl.fcntl(fd, 10, 9)
            fcntl.fcntl(fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        except OSError: pass
    return None
""",
    "hands its judge files": """
import array, os, socket
def f():
    files = array.array('i', [0, 1, 2])
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendmsg([bytes(8)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
        except OSError: pass
""",
    "answers a byte at a time": """
import os, socket, time
def f():
    ends = [socket.socket(fileno=os.dup(fd)) for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')]
    while True:
        for end in ends:
            try: end.send(bytes(1))
            except OSError: pass
        time.sleep(.01)
""",
    "answers a range without steps": """
import os, socket
def f():
    frame = b'["value", ["range", [0, 1, 0]], null]'
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall(len(frame).to_bytes(8, 'big') + frame)
        except OSError: pass
""",
    "is a number that may not be compared": "from decimal import Decimal\ndef f(): return Decimal('sNaN')",
    "kills its judge after a while": """
import os, signal, threading, time
def late():
    time.sleep(.1)
    for process in (1, -1):
        try: os.kill(process, signal.SIGKILL)
        except OSError: pass
threading.Thread(target=late).start()
def f(): time.sleep(.2)
""",
    "waits for itself": "import threading\ndef f():\n    lock = threading.Lock()\n    lock.acquire(); lock.acquire()",
    "computes without end in one step": "def f(): return 10 ** 10 ** 9",
    "searches without end in one step": "import re\ndef f(): return re.match('(a+)+$', 'a' * 60 + 'b')",
    "has a name that is every name": """
class Every(str):
    def __eq__(self, other): return True
    def __hash__(self): return hash('f')
globals()[Every('g')] = lambda: 42
""",
    "has every name that is asked for": "def __getattr__(name): return lambda: 42\n",
    "empties its modules": "import sys\nsys.modules.clear()\ndef f(): return None",
    "takes all pipes and watches": """
import os, select
def f():
    kept = []
    while True: kept.append((os.pipe(), select.epoll()))
""",
    "calls the kernel by its old table": r"""
import ctypes, mmap
def f():
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(b'\xb8\x14\x00\x00\x00\xcd\x80\xc3')
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
""",
    "calls the kernel by its other table": "import ctypes\ndef f(): return ctypes.CDLL(None).syscall(0x40000000 + 39)",
    "has a null byte in it": "def f(): return 42\0",
    "is no text": "def f(): return '\udc80'",
}  # fmt: skip
"""Programs of which `f() == 42` must not be held true."""


LOOPS = {
    "ends the loop of its tests": "def f(n): raise StopIteration",
    "ends it with an answer of no type": """
import json, os, socket
def f(n):
    frame = json.dumps(['value', ['type', 'nothing'], None]).encode()
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall(len(frame).to_bytes(8, 'big') + frame)
        except OSError: pass
""",
    "ends it with another argument of no type": """
import json, os, socket
def f(n):
    frame = json.dumps(['value', 42, ['list', [['type', 'nothing']]]]).encode()
    for fd in range(3, 64):
        try: socket.socket(fileno=os.dup(fd)).sendall(len(frame).to_bytes(8, 'big') + frame)
        except OSError: pass
""",
}
"""Programs that make a loop over their calls end before anything is compared."""


@pytest.mark.parametrize("program", LOOPS.values(), ids=LOOPS)
def test_no_program_ends_the_loop_of_its_tests(impatient: Sandbox, program: str) -> None:
    verdict = impatient.check(program, "assert all(map(lambda n: f(n) == 42, range(3)))")
    assert not verdict.passed
    assert verdict.reason.startswith("ProgramError")


OF_A_LIMIT_TRIED_BY_ANOTHER = {
    "starts threads for ever",
    "allocates 10 GB",
    "recurses to the bottom",
    "returns a billion bytes",
    "answers with half a frame",
    "is a bomb of a fraction",
    "is a bomb of numbers with one hash",
    "is a bomb of nested lists",
    "is a bomb of many elements",
    "hashes and compares for ever",
    "looks its attributes up for ever",
    "becomes a whole number for ever",
    "is a list without end",
    "tells its exception for ever",
    "stops itself",
    "waits for itself",
    "computes without end in one step",
    "searches without end in one step",
}
"""Programs that run into a limit of time or memory as another one does, each after seconds."""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            program,
            id=name,
            marks=pytest.mark.slow if name in OF_A_LIMIT_TRIED_BY_ANOTHER else (),
        )
        for name, program in WRONG.items()
    ],
)
def test_no_program_passes_that_does_not_give_the_right_answer(
    impatient: Sandbox, program: str
) -> None:
    verdict = impatient.check(program, "assert abs(f() - 42) < 1e-9\nassert f() == 42")
    assert not verdict.passed
    assert verdict.reason


BOMBS = {
    "adds up a range": ("def f(): return range(10**12)", "assert sum(f()) == 42"),
    "compares a range element by element": (
        "def f(): return range(10**12)",
        "assert all(a == b for a, b in zip(f(), f())) and 42 not in range(1)",
    ),
    "looks for what a range has not": ("def f(): return range(10**12)", "assert 0.5 in f()"),
    "makes a set of numbers with one hash": (
        "def f(): return [n * (2**61 - 1) for n in range(60000)]",
        "assert len(set(f())) == 42",
    ),
    "asks for ever": (
        "class Long:\n    def __len__(self): return 10**9\n    def __getitem__(self, n): return n\n"
        "def f(): return Long()",
        "value = f()\nassert all(value[n] >= 0 for n in range(len(value))) and len(value) == 42",
    ),
}
"""Answers that make the tests themselves compute for a very long time."""


QUICK_BOMBS = {"adds up a range", "asks for ever"}
"""Those that are tried each time: one that needs the judge alone, one that needs the program too."""

STOPPED = "the judge was stopped before it could decide"


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        pytest.param(*bomb, id=name, marks=() if name in QUICK_BOMBS else pytest.mark.slow)
        for name, bomb in BOMBS.items()
    ],
)
def test_what_keeps_the_tests_busy_is_ended(impatient: Sandbox, program: str, tests: str) -> None:
    # On a busy machine the clock may be first.
    assert impatient.check(program, tests).reason in (STOPPED, "not through after 1.5 s")


@pytest.mark.slow
def test_the_judge_has_a_limit_of_its_own(sandbox: Sandbox) -> None:
    """Two seconds of processor time, where the program has ten and 30 s by the clock."""
    program, tests = BOMBS["makes a set of numbers with one hash"]
    assert sandbox.check(program, tests).reason == STOPPED


TOO_LARGE = {
    "10 ** 100001": "ValueError",
    "Fraction(1, 10 ** 100001)": "ValueError",
    "Decimal('1e100001')": "ValueError: a decimal number of more than 100000 places",
    "'x' * (64 * 2**20)": "ValueError: an answer of more than 67108864 bytes",
}
"""Answers made to keep the reader of answers busy, and how their verdict begins."""


@pytest.mark.parametrize(("value", "told"), TOO_LARGE.items())
def test_an_answer_too_large_to_be_read_is_refused_as_it_comes(
    sandbox: Sandbox, value: str, told: str
) -> None:
    program = (
        f"from decimal import Decimal\nfrom fractions import Fraction\ndef f(): return {value}"
    )
    assert sandbox.check(program, "assert f() == 42").reason.startswith(told)


@pytest.mark.parametrize(
    "value", ["10 ** 99999", "Fraction(1, 10 ** 99999)", "Decimal('1e100000')", "'x' * 2**20"]
)
def test_an_answer_just_small_enough_is_compared(sandbox: Sandbox, value: str) -> None:
    head = "from decimal import Decimal\nfrom fractions import Fraction\n"
    assert sandbox.check(f"{head}def f(): return {value}", f"{head}assert f() == {value}").passed


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
    "use a system call that is refused": """
import ctypes, platform
CALLS = {'x86_64': dict(ptrace=101, io_uring_setup=425, bpf=321, perf_event_open=298, userfaultfd=323, keyctl=250,
         add_key=248, unshare=272, setns=308, mount=165, pivot_root=155, process_vm_writev=311, pidfd_getfd=438,
         open_by_handle_at=304, kexec_load=246, init_module=175, swapon=167, acct=163, quotactl=179,
         settimeofday=164, sethostname=170, iopl=172, syslog=103, open_tree=428, move_mount=429, fsopen=430)}
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    calls = CALLS.get(platform.machine(), {})
    return [name for name, number in calls.items() if libc.syscall(number, 1, 1, 0, 0, 0, 0) >= 0]
""",
    "make a new user namespace": """
import os, subprocess
def f():
    done = []
    for command in (['unshare', '-Ur', 'true'], ['bwrap', '--unshare-all', '--ro-bind', '/', '/', 'true'],
                    ['su', '-c', 'true'], ['sudo', '-n', 'true'], ['nsenter', '-t', '1', '-a', 'true']):
        try: ended = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
        except OSError: continue
        if ended.returncode == 0: done.append(command)
    return done
""",
    "leave a file with another's rights": """
import os
def f():
    done = []
    try: os.mknod('/tmp/disk', 0o060666, os.makedev(8, 0)); done.append('device')
    except OSError: pass
    try: os.link('/usr/bin/env', '/tmp/env'); done.append('link')
    except OSError: pass
    try: os.chown('/tmp', 0, 0); done.append('owner')
    except OSError: pass
    return done
""",
    "change what others run": """
import os, sys
def f():
    places = [os.path.dirname(os.__file__), '/usr/bin', '/usr/lib', '/etc', '/bin', os.path.dirname(sys.executable)]
    done = []
    for place in places:
        try: open(f'{place}/sitecustomize.py', 'w').close()
        except OSError: continue
        done.append(place)
    return done
""",
    "turn the kernel's knobs": """
import os
def f():
    done = []
    for place in ('/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname', '/proc/sysrq-trigger', '/proc/1/oom_score_adj',
                  '/proc/sys/vm/drop_caches', '/sys/power/state', '/dev/kmsg', '/dev/mem', '/proc/kcore', '/proc/kmsg'):
        try: os.write(os.open(place, os.O_WRONLY), b'1')
        except OSError: continue
        done.append(place)
    return done
""",
    "talk to its host's sockets": """
import socket
def f():
    reached = []
    for place in ['/run/docker.sock', '/var/run/docker.sock', '/run/systemd/private', '/tmp/.X11-unix/X0', '\\0/tmp/.X11-unix/X0',
                  '\\0dbus']:
        try: socket.socket(socket.AF_UNIX).connect(place)
        except OSError: continue
        reached.append(place)
    return reached
""",
    "learn where it runs": """
import os, platform
def f():
    seen = []
    if not platform.node().startswith('densing-'): seen.append(platform.node())
    for place in ('/etc/hostname', '/etc/machine-id', '/etc/resolv.conf', '/sys/class/net/eth0/address'):
        try: text = open(place).read().strip()
        except OSError: continue
        if text: seen.append(text)
    return seen
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
    "read or change its judge through /proc": """
import os
READ = ('mem', 'maps', 'environ', 'auxv', 'stack', 'syscall', 'io', 'pagemap', 'personality', 'fdinfo/0', 'task/1/mem')
WRITE = ('comm', 'oom_score_adj', 'timerslack_ns', 'clear_refs', 'coredump_filter', 'uid_map', 'setgroups', 'autogroup')
def f():
    done = []
    for name, mode in [(name, 'rb') for name in READ] + [(name, 'r+b') for name in WRITE]:
        try:
            with open(f'/proc/1/{name}', mode, 0) as file: file.read(1) if mode == 'rb' else file.write(b'1')
        except OSError: continue
        done.append(name)
    for name in ('fd', 'cwd/', 'root/', 'map_files'):
        try: os.listdir(f'/proc/1/{name}')
        except OSError: continue
        done.append(name)
    return done
""",
    "open a socket of any other family": """
import socket
def f():
    opened = []
    for family in set(range(50)) - {socket.AF_UNIX}:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try: socket.socket(family, kind)
            except OSError: continue
            opened.append((family, kind))
    return opened
""",
    "use a newer system call": """
import ctypes
CALLS = dict(io_uring_enter=426, io_uring_register=427, fsconfig=431, fsmount=432, fspick=433, clone3=435, pidfd_getfd=438,
    process_madvise=440, mount_setattr=442, quotactl_fd=443, landlock_create_ruleset=444, memfd_secret=447)
def f():
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return [name for name, number in CALLS.items() if call(number, 1, 1, 0, 0, 0, 0) >= 0]
""",
    "hold rights of its own": """
import os
def f():
    status = dict(line.split(':', 1) for line in open('/proc/self/status'))
    held = [name for name in status if name.startswith('Cap') and int(status[name], 16)]
    return held + [name for name, value in (('NoNewPrivs', '1'), ('Seccomp', '2')) if status[name].strip() != value]
""",
    "keep files that have no name": """
import os
def f():
    written = 0
    for number in range(60):
        try:
            fd = os.open('/tmp/x', os.O_CREAT | os.O_RDWR); os.unlink('/tmp/x')
            written += os.write(fd, bytes(2**20))
        except OSError: break
    return [] if written <= 16 * 2**20 else [written]
""",
    "run before others": """
import os
def f():
    done = []
    for change in (lambda: os.nice(-5), lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
                   lambda: os.setpriority(os.PRIO_USER, 0, -5)):
        try: change()
        except OSError: continue
        done.append(change)
    return [len(done)] if done else []
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


LASTING = {
    "child": "os.fork() or time.sleep(600)",
    "daemon": "os.fork() or (os.setsid(), os.fork(), time.sleep(600))",
    "session": "subprocess.Popen(['sleep', '600'], start_new_session=True)",
    "shell": "subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP INT; sleep 600 & sleep 600'])",
}
"""Processes that would stay after the program."""


@pytest.mark.parametrize("start", LASTING.values(), ids=LASTING)
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


def test_the_docs_count_the_attacks() -> None:
    attacks = sum(map(len, (WRONG, LOOPS, BOMBS, TOO_LARGE, HELPLESS, LASTING)))
    page = Path(__file__).parents[4] / "docs" / "sandbox.md"
    assert f"The {attacks} attacks in" in page.read_text()


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

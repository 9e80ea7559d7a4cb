"""Runs inside the sandbox: a judge process with the tests, and a worker process with the program.

The judge never executes the program's code. It forks the worker before it reads the tests and the
nonce, and requests values from it over a socket. Only plain data is transferred; any other object
stays in the worker, and the judge gets a handle that equals only itself. So a program may end its
process, print a verdict, patch modules, inspect frames or return objects that claim to equal
everything: it cannot change the judge's decision.

The text of this module is handed to the sandbox's own interpreter (3.10 or newer), which has the
standard library alone. Not here: isolation (`bubblewrap`, `container`), and reading the verdict
(`sandbox`).
"""

import ast
import builtins
import ctypes
import importlib
import json
import os
import resource
import signal
import socket
import sys
import types
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

PR_SET_DUMPABLE = 4

JUDGE_SECONDS = 2
"""Processor time of the judge, in whole seconds: the program's answers may be made to keep it busy, such as numbers that
all have one hash. Tests of HumanEval and MBPP take it less than a tenth of that."""

MOST_DIGITS = 100_000
"""Digits of a number that is transferred, and largest exponent of a decimal one: Python reads twice as many digits in four
times the time, and cannot be interrupted while it does."""

MOST_BYTES = 64 * 2**20
"""Bytes of a message."""

MOST_CUTS = 200
"""Most lines at which a text that is no Python is tried to be cut."""

REASON = 300
"""Characters of a reason that are kept."""

LIBRARY = sys.stdlib_module_names
RESERVED = frozenset(dir(builtins)) | LIBRARY
"""Names that keep Python's own meaning in tests."""


class Ended(BaseException):
    """The worker process has ended."""


class Late(BaseException):
    """The time limit is reached."""


class ProgramError(Exception):
    """The program raised an exception type that Python does not define."""


class Remote:
    """An object of the program, as its tests see it: its uses are carried out by the worker."""

    def __init__(self, link: "Link", number: int) -> None:
        """Keep where the object is."""
        self.__dict__.update(_link=link, _number=number)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call it there."""
        return self._link.ask("call", self, list(args), named)

    def __getattr__(self, name: str) -> Any:
        """Read an attribute there; special methods are not looked up."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self._link.ask("attribute", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute there."""
        self._link.ask("assign", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        """Index it there."""
        return self._link.ask("item", self, key)

    def __iter__(self) -> Any:
        """Its elements, all at once."""
        return iter(self._link.ask("list", self))

    def __len__(self) -> int:
        """Its length there."""
        return int(self._link.ask("length", self))

    def __bool__(self) -> bool:
        """Its truth there."""
        return self._link.ask("truth", self) is True

    def __str__(self) -> str:
        """Its text there."""
        return str(self._link.ask("text", self))


class Link:
    """Messages of plain data between judge and worker, each a length and its JSON."""

    def __init__(self, end: socket.socket) -> None:
        """Talk over one end of a pair of sockets."""
        self.stream = end.makefile("rwb")
        self.objects: dict[int, Any] = {}

    def send(self, message: Any) -> None:
        """Send one message."""
        data = json.dumps(message).encode()
        self.stream.write(len(data).to_bytes(8, "big") + data)
        self.stream.flush()

    def receive(self) -> Any:
        """Wait for one message; `Ended` if there will be none."""
        size = self.stream.read(8)
        if len(size) == 8 and int.from_bytes(size, "big") > MOST_BYTES:
            raise ValueError(f"an answer of more than {MOST_BYTES} bytes")
        data = self.stream.read(int.from_bytes(size, "big")) if len(size) == 8 else b""
        if not data:
            raise Ended
        return json.loads(data)

    def ask(self, use: str, *operands: Any) -> Any:
        """Have the worker carry out a use of its objects; what it raises is raised here."""
        request = [use, self.pack(list(operands))]
        try:
            self.send(request)
            outcome, value, changed = self.receive()
        except OSError:
            raise Ended from None
        if outcome == "raised":
            raise _exception(str(value[0]))(str(value[1]))
        try:
            if changed is not None:
                _update(list(operands), self.unpack(changed))
            return self.unpack(value)
        except StopIteration:
            raise ProgramError("an answer of no known type") from None

    def pack(self, value: Any) -> Any:
        """A value as JSON; subclasses of plain types as the plain type."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, type) and value in PLAIN:
            return ["type", value.__name__]
        for plain, write in PLAIN.items():
            # Not `isinstance`, which believes what the object says of its class.
            if issubclass(type(value), plain):
                return write(self, value)
        return self.pack_object(value)

    def unpack(self, value: Any) -> Any:
        """The value that was packed."""
        return READ[value[0]](self, value[1]) if isinstance(value, list) else value

    def pack_object(self, value: Any) -> Any:
        """Only objects that came from the program can go back to it."""
        if isinstance(value, Remote):
            return ["object", value.__dict__["_number"]]
        raise TypeError(f"the tests hand over a {type(value).__name__}, which is no plain data")

    def unpack_object(self, number: int) -> Any:
        """The program's object of that number, always the same one."""
        return self.objects.setdefault(number, Remote(self, number))


def _exception(name: str) -> type[Exception]:
    """Python's exception of that name, with which a program may end a call.

    Not `StopIteration`: it would end a `map` over the calls before its other elements are checked.
    """
    kind = getattr(builtins, name, None)
    if not isinstance(kind, type) or not issubclass(kind, Exception):
        return ProgramError
    return ProgramError if issubclass(kind, StopIteration) else kind


class ProgramLink(Link):
    """The worker's end, where the objects are."""

    def pack_object(self, value: Any) -> Any:
        """A number for the object, which stays here."""
        self.objects[id(value)] = value
        return ["object", id(value)]

    def unpack_object(self, number: int) -> Any:
        """The object of that number."""
        return self.objects[number]


def _pack_all(link: Link, values: Any) -> list[Any]:
    return [link.pack(value) for value in values]


def _unpack_all(link: Link, values: Any) -> list[Any]:
    return [link.unpack(value) for value in values]


PLAIN: dict[type, Callable[[Link, Any], Any]] = {
    int: lambda link, v: int(v),
    float: lambda link, v: float(v),
    str: lambda link, v: str.__str__(v),
    list: lambda link, v: ["list", _pack_all(link, v)],
    tuple: lambda link, v: ["tuple", _pack_all(link, v)],
    dict: lambda link, v: ["dict", [_pack_all(link, pair) for pair in v.items()]],
    set: lambda link, v: ["set", _pack_all(link, v)],
    frozenset: lambda link, v: ["frozenset", _pack_all(link, v)],
    complex: lambda link, v: ["complex", [v.real, v.imag]],
    bytes: lambda link, v: ["bytes", v.hex()],
    bytearray: lambda link, v: ["bytearray", v.hex()],
    range: lambda link, v: ["range", [v.start, v.stop, v.step]],
    Fraction: lambda link, v: ["fraction", [v.numerator, v.denominator]],
    Decimal: lambda link, v: ["decimal", str(v)],
}
"""Types transferred as values, and their encoding; the first that fits is used."""

READ: dict[str, Callable[[Link, Any], Any]] = {
    "list": _unpack_all,
    "tuple": lambda link, v: tuple(_unpack_all(link, v)),
    "dict": lambda link, v: dict(_unpack_all(link, pair) for pair in v),
    "set": lambda link, v: set(_unpack_all(link, v)),
    "frozenset": lambda link, v: frozenset(_unpack_all(link, v)),
    "complex": lambda link, v: complex(*v),
    "bytes": lambda link, v: bytes.fromhex(v),
    "bytearray": lambda link, v: bytearray.fromhex(v),
    "range": lambda link, v: range(*v),
    "fraction": lambda link, v: Fraction(*v),
    "decimal": lambda link, v: _decimal(v),
    "type": lambda link, v: next(plain for plain in PLAIN if plain.__name__ == v),
    "object": lambda link, v: link.unpack_object(v),
}


def _decimal(text: str) -> Decimal:
    """The number; refused if it has more places than `MOST_DIGITS` before or after the point."""
    value = Decimal(text)
    if value.is_finite() and abs(value.adjusted()) > MOST_DIGITS:
        raise ValueError(f"a decimal number of more than {MOST_DIGITS} places")
    return value


def _update(sent: list[Any], changed: list[Any]) -> None:
    """Apply to the tests' lists, dicts and sets the changes that a call made to its arguments."""
    for old, new in zip(sent, changed, strict=False):
        if type(old) is not type(new):
            continue
        if isinstance(old, list):
            _update(old, new)
            old[:] = new
        elif isinstance(old, dict | set):
            old.clear()
            old.update(new)


USES: dict[str, Callable[..., Any]] = {
    "call": lambda function, args, named: function(*args, **named),
    "attribute": getattr,
    "assign": setattr,
    "item": lambda value, key: value[key],
    "list": list,
    "length": len,
    "truth": bool,
    "text": str,
}
"""Operations of tests on an object of the program."""


def work(end: socket.socket) -> None:
    """Run the worker: execute the program, then answer the judge's requests until it ends."""
    link = ProgramLink(end)
    program = types.ModuleType("program")
    sys.modules["program"] = program
    names = vars(program)

    def run(text: str) -> list[str]:
        exec(_compiled(text), names)  # noqa: S102 - what the sandbox is for
        return list(names)

    uses = USES | {"run": run, "name": names.__getitem__}
    while True:
        use, packed = link.receive()
        try:
            operands = link.unpack(packed)
            value = link.pack(uses[use](*operands))
            after = link.pack(operands) if use == "call" else packed
            answer = ["value", value, after if after != packed else None]
        except BaseException as error:
            answer = ["raised", [type(error).__name__, str(error)[:REASON]], None]
        link.send(answer)


def _compiled(text: str) -> types.CodeType:
    """The program without what comes after it: words, half a line, the beginning of something else.

    A text that is no Python is cut before the last line that begins at the left edge, again and again. If nothing
    is left, the whole text's own error is raised.
    """
    try:
        return compile(text, "program", "exec")
    except SyntaxError as error:
        lines = text.splitlines(keepends=True)
        starts = [n for n, line in enumerate(lines) if n and line.strip() and not line[0].isspace()]
        for number in reversed(starts[-MOST_CUTS:]):
            try:
                return compile("".join(lines[:number]), "program", "exec")
            except SyntaxError:
                continue
        raise error


def judge(link: Link, program: str, tests: str) -> str:
    """Reason why the program fails its tests; empty if it passes."""
    try:
        tree = ast.parse(tests, "tests")
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        defined = used & set(link.ask("run", program))
        # A function that is asked for by a name of Python's own is the program's; beside other
        # names of the program that name keeps its meaning, or a program could redefine `abs`.
        asked = defined - RESERVED or defined
        scope = {name: link.ask("name", name) for name in sorted(asked)}
        library = sorted((defined - asked) & LIBRARY)
        scope |= {name: importlib.import_module(name) for name in library}
        exec(compile(tree, "tests", "exec"), scope)  # noqa: S102 - our own tests
    except (Ended, Late):
        raise
    except BaseException as error:
        said = f": {error}" if str(error) else ""
        return f"{type(error).__name__}{said}{_test_line(error, tests)}"[:REASON]
    return ""


def _test_line(error: BaseException, tests: str) -> str:
    """The line of the tests an exception came from."""
    trace, number = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "tests":
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = tests.splitlines()
    return f" in: {lines[number - 1].strip()}" if 0 < number <= len(lines) else ""


def main() -> None:
    """Read the task from standard input, judge it, and write the verdict after the nonce."""
    limits, seconds = json.loads(sys.argv[1])
    if ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        sys.exit("cannot hide the judge's memory from the program it judges")
    for name, (soft, hard) in limits.items():
        resource.setrlimit(getattr(resource, name), (soft, hard))
    sys.path[:] = [place for place in sys.path if place]
    sys.set_int_max_str_digits(0)
    task, verdict = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    ours, theirs = socket.socketpair()
    worker = os.fork()
    if worker == 0:
        os.close(task)
        os.close(verdict)
        ours.close()
        try:
            work(theirs)
        finally:
            os._exit(0)
    theirs.close()
    sys.set_int_max_str_digits(MOST_DIGITS)
    soft, hard = limits.get("RLIMIT_CPU", (JUDGE_SECONDS, JUDGE_SECONDS + 1))
    own = min(soft, JUDGE_SECONDS), min(hard, JUDGE_SECONDS + 1)
    resource.setrlimit(resource.RLIMIT_CPU, own)
    signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    with os.fdopen(task, encoding="utf-8") as stream:
        asked = json.load(stream)
    os.write(verdict, f"{asked['nonce']} started\n".encode())
    reason = _decided(Link(ours), worker, asked["program"], asked["tests"], seconds)
    os.write(verdict, f"{asked['nonce']} {json.dumps(reason)}\n".encode())


def _late(*_: Any) -> None:
    raise Late


def _decided(link: Link, worker: int, program: str, tests: str, seconds: float) -> str:
    try:
        return judge(link, program, tests)
    except Late:
        return f"not through after {seconds:g} s"
    except Ended:
        os.kill(worker, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"the program ended its process before its checks were through ({how})"


if __name__ == "__main__":
    main()

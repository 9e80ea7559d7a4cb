"""What a column is for: the names it goes by, the units it may be in, and values it can have.

A role is told by the header alone; values decide only whether the unit can be right. Not here: the roles of
each fit (`density.fit_losses`, `trends.fit_densities`, `cost.fit_prices`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from densing_pipeline.own_files.delimited import FileError
from densing_pipeline.stats.arrays import FloatArray

Convert = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by name.

    Attributes:
        name: as in the option `--unit` and in messages.
        words: other words for it in a header.
        convert: values in this unit to the plain one; None for a word that may mean several units.
    """

    name: str
    words: tuple[str, ...]
    convert: Convert | None


def _times(factor: float) -> Convert:
    return lambda values: values * factor


def _powers(base: float) -> Convert:
    return lambda values: np.power(base, values)


LOGARITHMS = (
    Unit("ln", (), _powers(np.e)),
    Unit("log10", (), _powers(10)),
    Unit("log2", (), _powers(2)),
    Unit("log", ("logarithm",), None),
)
MULTIPLES = (
    Unit("thousands", ("thousand", "k", "1e3"), _times(1e3)),
    Unit("millions", ("million", "m", "mm", "1e6"), _times(1e6)),
    Unit("billions", ("billion", "b", "bn", "g", "1e9"), _times(1e9)),
    Unit("trillions", ("trillion", "t", "tn", "1e12"), _times(1e12)),
)
FLOP_UNITS = (
    Unit("petaflop", ("petaflops", "pflop", "pflops", "1e15"), _times(1e15)),
    Unit("exaflop", ("exaflops", "eflop", "eflops", "1e18"), _times(1e18)),
    Unit("zettaflop", ("zettaflops", "zflop", "zflops", "1e21"), _times(1e21)),
    Unit(
        "pf-days", ("pfdays", "pfday", "pfsdays", "petaflopdays", "petaflopsdays"), _times(8.64e19)
    ),
)
LOSS_UNITS = (
    Unit("nats", ("nat",), _times(1)),
    Unit("bits", ("bit", "bpb"), _times(float(np.log(2)))),
    Unit("perplexity", ("ppl",), np.log),
    *LOGARITHMS,
)
PLAIN = Unit("ones", ("1",), _times(1))

FILLERS = frozenset(("in", "of", "per", "the", "a", "count", "number", "natural"))
"""Words of any header that change nothing."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a column is for.

    Attributes:
        name: as in the options `--column` and `--unit`.
        what: in words, for messages.
        headers: names it goes by, in small letters without anything between the words. A number or a day by
            two of them is asked for; of a label the first counts.
        kind: what its cells are.
        units: units it may be in beside the plain one.
        plain: the unit of a column that names none.
        implied: unit that a name implies, such as `perplexity`.
        least: smallest value that can be right, in the plain unit; smaller ones are in another unit.
        most: largest value that can be right.
        fillers: further words of a header that change nothing, such as `tokens` of `D (B tokens)`.
        is_money: whether a currency may stand beside its numbers.
    """

    name: str
    what: str
    headers: tuple[str, ...]
    kind: Literal["number", "date", "label"] = "number"
    units: tuple[Unit, ...] = ()
    plain: Unit = PLAIN
    implied: Mapping[str, str] = field(default_factory=dict)
    least: float = 0.0
    most: float = np.inf
    fillers: tuple[str, ...] = ()
    is_money: bool = False

    def unit(self, name: str) -> Unit:
        """The unit that `--unit` names.

        Raises:
            FileError: there is no such unit.
        """
        word = _squeezed(name)
        for unit in (self.plain, *self.units):
            if unit.convert and word in {_squeezed(each) for each in (unit.name, *unit.words)}:
                return unit
        known = ", ".join(unit.name for unit in (self.plain, *self.units) if unit.convert)
        raise FileError(f"--unit {self.name}={name}: the units of {self.name} are {known}")

    def told_by(self, header: str) -> Unit | None:
        """The unit of a column of this role by its header; None if the header names another thing."""
        words = _words(header)
        for stop in range(len(words), 0, -1):
            for start in (0, 1, 2):
                base = "".join(words[start:stop])
                if base in self.headers:
                    found = self._unit_among([*words[:start], *words[stop:]])
                    implied = self.implied.get(base)
                    if found is self.plain and implied:
                        return self.unit(implied)
                    if found is not None:
                        return found
        return None

    def _unit_among(self, words: list[str]) -> Unit | None:
        """The unit among words of a header beside its name; None if one of them is another word."""
        found = self.plain
        for word in ["".join(words)] if self._known("".join(words)) else words:
            if unit := self._known(word):
                found = unit
            elif word not in FILLERS and word not in (*self.fillers, self.plain.name):
                return None
        return found

    def _known(self, word: str) -> Unit | None:
        """The unit that a word of a header means."""
        return next(
            (unit for unit in self.units if word in (_squeezed(unit.name), *unit.words)), None
        )


def _words(header: str) -> list[str]:
    """Words of a header in small letters: `nParams (B)` gives n, params, b."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    return re.findall(r"\d+e\d+|[a-z]+\d*|\d+", parted.lower())


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

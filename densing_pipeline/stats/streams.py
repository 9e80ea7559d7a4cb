"""Random numbers that do not depend on what else is computed. Not here: what is drawn."""

import zlib

import numpy as np


def stream(seed: int, key: str) -> np.random.Generator:
    """The random numbers of one computation, from the seed of the run and a name of its own.

    So each law, series or curve has the same draws whichever others are computed, and in any order.
    The name enters as its CRC-32 rather than its `hash`, which differs between processes.

    Args:
        seed: seed of the run, not negative.
        key: name of the computation. Equal names get equal numbers.
    """
    return np.random.default_rng([seed, zlib.crc32(key.encode())])

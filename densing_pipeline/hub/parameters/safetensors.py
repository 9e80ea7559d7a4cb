"""Parameters from the element counts by dtype that the Hub reads from safetensors headers.

What belongs here: unpacking quantised formats and subtracting their scales. Not here: what is
stored beside the model (`count` explains that with the configuration).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FLOATS = ("F64", "F32", "F16", "BF16")
FP8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FN")
BLOCK = 128 * 128
"""Weights per scale of block-wise FP8."""

TERNARY_IN_A_BYTE = 4
"""Ternary weights in a byte of BitNet's packed files."""

TOTAL_TOLERANCE = 0.01
"""Largest relative difference between the total and the sum of the counts by dtype."""

MAX_PARAMS = 10**14
"""Largest accepted total; no released model has as many parameters."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor that the header of a safetensors file lists.

    Attributes:
        name: its name in the file.
        dtype: its dtype as the header writes it, such as `BF16`, `F8_E4M3` or `U8`.
        shape: its dimensions, in elements of that dtype.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """Possible parameter counts from the safetensors files of a repository.

    Attributes:
        readings: possible numbers of parameters, the likeliest first; empty if unusable.
        note: how the first reading came about, or why there is none.
    """

    readings: tuple[int, ...]
    note: str


def read(safetensors: object, quantisation: Mapping[str, Any]) -> Stored:
    """Parameters stored, per dtype where the record says so.

    A packed element holds several weights; whether the Hub has already counted them singly
    depends on the format and the time of the crawl, so both readings are offered.

    Args:
        safetensors: the record's `safetensors` value, whatever it is.
        quantisation: `quantization_config`; empty if there is none.
    """
    if not isinstance(safetensors, Mapping):
        return Stored((), "no safetensors header")
    by_type = safetensors.get("parameters")
    if not isinstance(by_type, Mapping) or not by_type:
        return _total_only(safetensors.get("total"))
    for dtype, elements in by_type.items():
        if not _is_count(elements):
            return Stored((), f"safetensors count of {str(dtype)[:20]} is {str(elements)[:40]}")
    counts = {str(dtype).upper(): int(elements) for dtype, elements in by_type.items()}
    stored = _unpacked(counts, quantisation)
    if contradiction := _contradicted(safetensors.get("total"), counts, stored):
        return Stored((), contradiction)
    sane = tuple(reading for reading in stored.readings if 0 < reading <= MAX_PARAMS)
    return Stored(sane, stored.note if sane else f"safetensors counts add up to {stored.readings}")


def _contradicted(total: object, counts: Mapping[str, int], stored: Stored) -> str:
    """What is wrong if the stated total is neither the sum of the counts by dtype nor a reading of them.

    The Hub's total is their sum. Both have been seen wrong (EuroEval issue 1385), so neither is used.
    """
    if not _is_count(total):
        return ""
    stated, added = int(total), sum(counts.values())  # type: ignore[call-overload]
    if any(abs(stated - each) <= TOTAL_TOLERANCE * each for each in (added, *stored.readings)):
        return ""
    return f"safetensors counts by dtype add up to {added}, but the total is {str(stated)[:40]}"


def _total_only(total: object) -> Stored:
    if total is None:
        return Stored((), "no safetensors header")
    if not _is_count(total) or not 0 < int(total) <= MAX_PARAMS:  # type: ignore[call-overload]
        return Stored((), f"safetensors total is {str(total)[:40]}")
    return Stored((int(total),), "safetensors total")  # type: ignore[call-overload]


def _unpacked(counts: Mapping[str, int], quantisation: Mapping[str, Any]) -> Stored:
    floats = sum(counts.get(dtype, 0) for dtype in FLOATS)
    fp8 = sum(counts.get(dtype, 0) for dtype in FP8)
    wide, nibbles = counts.get("I32", 0), counts.get("U8", 0)
    # DeepSeek V4 keeps two 4-bit floats in a signed byte; other int8 files one weight.
    signed = counts.get("I8", 0)
    whole = floats + fp8 + signed
    method = str(quantisation.get("quant_method", "")).lower()
    bits = quantisation.get("bits", _bits(quantisation))
    mlx = counts.get("U32", 0)
    if mlx > whole // 50 and isinstance(bits, int) and 2 <= bits <= 8:
        group = quantisation.get("group_size")
        group = group if isinstance(group, int) and group > 0 else 64
        weights = mlx * 32 // bits
        # A scale and an offset in half precision for each group.
        return Stored(
            (weights + max(floats - 2 * weights // group, 0), weights + floats),
            f"{bits}-bit weights packed in U32; scales and offsets taken off",
        )
    if wide > whole // 50:
        per = 32 // bits if bits in (2, 3, 4, 8) else 8
        group = quantisation.get("group_size")
        group = group if isinstance(group, int) and group > 0 else 128
        weights = round(wide * per / (1 + 1 / group))
        return Stored(
            (weights + max(floats - weights // group, 0), whole + wide, whole + wide * per),
            f"{per} packed weights per I32 element; scales and zero points taken off",
        )
    if nibbles > whole // 50 and method == "bitnet":
        return Stored(
            (TERNARY_IN_A_BYTE * nibbles + whole, nibbles + whole),
            f"{TERNARY_IN_A_BYTE} ternary weights per byte",
        )
    if nibbles > whole // 50:
        # FP8 elements beside packed bytes are their scales, one to sixteen weights.
        rest = floats if fp8 * 8 <= nibbles * 1.2 else floats + fp8
        return Stored(
            (2 * nibbles + rest, nibbles + rest, whole + nibbles, whole + 2 * nibbles),
            "2 packed weights per byte; scales taken off",
        )
    if signed > whole // 2 and quantisation:
        scales = min(counts.get("F32", 0), (fp8 + signed) // BLOCK)
        return Stored(
            (whole - scales, whole + signed - scales), "8-bit elements, block scales taken off"
        )
    if fp8 > whole // 50:
        scales = min(counts.get("F32", 0), fp8 // BLOCK) if method in ("fp8", "") else 0
        return Stored((whole - scales, whole), "FP8, block scales taken off")
    left = sum(counts.values()) - whole
    note = "elements of floating-point tensors"
    return Stored((whole,), note + (f" ({left} integer elements left out)" if left else ""))


def _bits(quantisation: Mapping[str, Any]) -> object:
    """Bits stated inside the groups of compressed-tensors configurations."""
    groups = quantisation.get("config_groups")
    if isinstance(groups, Mapping):
        for group in groups.values():
            weights = group.get("weights") if isinstance(group, Mapping) else None
            if isinstance(weights, Mapping):
                return weights.get("num_bits")
    return None


def _is_count(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and value >= 0
        and float(value).is_integer()
    )

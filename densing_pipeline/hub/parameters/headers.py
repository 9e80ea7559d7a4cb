"""Read which tensors a safetensors file holds, from the bytes at its beginning.

A file begins with the length of its header (8 bytes, little-endian), the header in JSON, and then the
weights (https://huggingface.co/docs/safetensors). The rules are those of the safetensors library, which
itself reads whole files only. Not here: fetching headers (`hub.tensor_headers`), and what is counted
from tensors (`tensors`).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from densing_pipeline.hub.parameters.tensors import Tensor
from densing_pipeline.json_documents import load

LENGTH_BYTES = 8
METADATA = "__metadata__"

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8, "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}  # fmt: skip
"""Bits of an element of each dtype of the format."""

MOST_LISTED_TENSORS = 1_000_000
"""Tensors of a model; a mixture of a trillion parameters has some 100,000."""


class HeaderError(ValueError):
    """A header that is none, or contradicts itself; the message says how."""


def header_length(begun: bytes) -> int:
    """Bytes of the header in JSON, from the first eight bytes of a file.

    Raises:
        HeaderError: the file is shorter.
    """
    if len(begun) < LENGTH_BYTES:
        raise HeaderError(f"a file of {len(begun)} bytes has no safetensors header")
    return int.from_bytes(begun[:LENGTH_BYTES], "little")


def read_header(header: bytes, file_bytes: int | None = None) -> list[Tensor]:
    """The tensors that a header lists, sorted by name.

    Args:
        header: the header in JSON, without its length.
        file_bytes: size of the whole file, if it is known.

    Raises:
        HeaderError: it is no JSON, names a tensor twice, or states shapes, dtypes and places of the
            weights that contradict each other or the size of the file.
    """
    try:
        found = load(header)
    except ValueError as error:
        raise HeaderError(f"the header is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise HeaderError(f"the header is no JSON object but {type(found).__name__}")
    listed = {name: each for name, each in found.items() if name != METADATA}
    if len(listed) > MOST_LISTED_TENSORS:
        raise HeaderError(f"the header lists {len(listed)} tensors")
    tensors, ends = [], 0
    places = sorted((_place(name, each), name) for name, each in listed.items())
    for (start, end), name in places:
        tensor = _tensor(name, listed[name], end - start)
        if start != ends:
            raise HeaderError(
                f"{_shown(name)} begins at byte {start}, but the tensor before it ends at {ends}"
            )
        tensors.append(tensor)
        ends = end
    if file_bytes is not None and file_bytes != LENGTH_BYTES + len(header) + ends:
        raise HeaderError(
            f"the file has {file_bytes} bytes, but its header describes "
            f"{LENGTH_BYTES + len(header) + ends}"
        )
    return sorted(tensors, key=lambda tensor: tensor.name)


def of_model(files: Iterable[list[Tensor]]) -> list[Tensor]:
    """The tensors of a model's files, each once, sorted by name.

    Raises:
        HeaderError: two files state one tensor differently, or there are too many tensors.
    """
    found: dict[str, Tensor] = {}
    for tensors in files:
        for tensor in tensors:
            if found.setdefault(tensor.name, tensor) != tensor:
                raise HeaderError(f"two files state {_shown(tensor.name)} differently")
        if len(found) > MOST_LISTED_TENSORS:
            raise HeaderError(f"the files list more than {MOST_LISTED_TENSORS} tensors")
    return [found[name] for name in sorted(found)]


def _place(name: str, stated: object) -> tuple[int, int]:
    """First byte of a tensor's weights, and the first byte after them."""
    if not isinstance(stated, Mapping):
        raise HeaderError(f"{_shown(name)} is {_shown(stated)}, not a tensor")
    place = stated.get("data_offsets")
    if not _are_sizes(place) or len(place) != 2 or place[0] > place[1]:
        raise HeaderError(f"{_shown(name)} has the place {_shown(place)}")
    return place[0], place[1]


def _tensor(name: str, stated: Mapping[str, Any], size: int) -> Tensor:
    dtype, shape = stated.get("dtype"), stated.get("shape")
    if not isinstance(dtype, str):
        raise HeaderError(f"{_shown(name)} has the dtype {_shown(dtype)}")
    if not _are_sizes(shape):
        raise HeaderError(f"{_shown(name)} has the shape {_shown(shape)}")
    bits = BITS.get(dtype)
    # A dtype that is newer than this list is left to who counts.
    if bits is not None and math.prod(shape) * bits != 8 * size:
        raise HeaderError(f"{_shown(name)} has {size} bytes, which is not {dtype} {_shown(shape)}")
    return Tensor(name, dtype, tuple(shape))


def _are_sizes(value: object) -> TypeGuard[list[int]]:
    """Whether a value is a list of few whole numbers, none negative and none beyond 64 bits."""
    return (
        isinstance(value, list)
        and len(value) <= 64
        and all(type(each) is int and 0 <= each < 2**64 for each in value)
    )


def _shown(value: object) -> str:
    return repr(value)[:80]

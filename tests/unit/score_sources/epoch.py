"""Archives in the form of Epoch AI's `benchmark_data.zip`, whole or damaged."""

import io
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "epoch_2026_03"
MMLU = "mmlu_external.csv"


def members() -> dict[str, bytes]:
    """The members of a good archive, by name."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.csv"))}


def revised() -> dict[str, bytes]:
    """The members some months later: one value revised, one row withdrawn, one model more."""
    found = members()
    text = found[MMLU].decode()
    lines = [line for line in text.splitlines() if "reci0A7hEp1NCjbaL" not in line]
    text = "\n".join(lines).replace("gpt-4-0314,0.864,", "gpt-4-0314,0.86,")
    assert text.count("gpt-4-0314,0.86,") == 1
    new = "Qwen3-8B-Base,0.7689,2025-04-29,Alibaba,,Qwen3 8B Base,5,Qwen3 Technical Report,https://arxiv.org/abs/2505.09388,,recNew"
    return found | {MMLU: f"{text}\n{new}\n".encode()}


def archive(found: Mapping[str, bytes]) -> bytes:
    """A zip archive of some members, whatever their names."""
    return archive_of(list(found.items()))


def archive_of(found: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of members that may share a name."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as file:
        warnings.simplefilter("ignore", UserWarning)  # two members of one name
        for name, content in found:
            file.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()

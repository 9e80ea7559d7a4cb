"""What is kept of earlier nights depends on all code that made it."""

import subprocess
import sys
from pathlib import Path

import pytest

from densing_pipeline import project_code

READERS = ("densing_pipeline.prices", "densing_pipeline.score_sources", "densing_pipeline.hub")


def names(package: str) -> set[str]:
    return {
        path.relative_to(project_code.ROOT).as_posix() for path in project_code.modules(package)
    }


def test_readers_of_scores_depend_on_the_values_that_price_lists_share_with_them() -> None:
    found = names("densing_pipeline.score_sources")
    assert {"prices/sources/values.py", "json_documents.py", "text.py", "units.py"} <= found
    assert not {name for name in found if name.startswith(("publication/", "trends/", "api"))}


@pytest.mark.heavy
@pytest.mark.parametrize("package", READERS)
def test_no_module_that_an_import_loads_is_left_out(package: str) -> None:
    code = (
        f"import sys, pkgutil, importlib, {package} as package\n"
        f"for found in pkgutil.walk_packages(package.__path__, '{package}.'): importlib.import_module(found.name)\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('densing_pipeline.') and m.__file__))"
    )
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {Path(name) for name in done.stdout.split() if name.endswith(".py")}
    assert loaded <= set(project_code.modules(package))


def test_a_change_of_what_is_imported_is_another_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "densing_pipeline"
    (root / "reader" / "kinds").mkdir(parents=True)
    written = {
        "__init__.py": "from densing_pipeline.other import x\n",
        "reader/__init__.py": "",
        "reader/kinds/__init__.py": "ALL = declared(__name__, __path__)\n",
        "reader/kinds/some.py": "import densing_pipeline.apart\n",
        "apart.py": "",
        "reader/one.py": "from densing_pipeline import (\n    near,\n)\n",
        "near.py": "def f():\n    import densing_pipeline.far\n",
        "far.py": "from densing_pipeline.reader.one import near\n",
        "other.py": "",
    }
    for name, content in written.items():
        (root / name).write_text(content)
    monkeypatch.setattr(project_code, "ROOT", root)
    before = project_code.digest("densing_pipeline.reader")
    for name in ("other.py", "__init__.py"):
        (root / name).write_text("# not imported by the reader\n")
        assert project_code.digest("densing_pipeline.reader") == before
    for name in ("reader/one.py", "near.py", "far.py", "reader/kinds/some.py", "apart.py"):
        (root / name).write_text(f"{written[name]}# changed\n")
        assert project_code.digest("densing_pipeline.reader") != before
        (root / name).write_text(written[name])
    assert project_code.digest("densing_pipeline.reader") == before

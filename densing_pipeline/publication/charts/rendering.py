"""Charts as pictures, and the JavaScript that draws them on a page. Not here: what they show."""

import base64
import hashlib
import re
from functools import cache
from importlib.metadata import version

import altair as alt
import vl_convert

from densing_pipeline.publication.charts.style import Figure

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""Version of the specifications that the installed Altair writes."""

EXPORTED = "window.vegaEmbed = vegaEmbed;"
"""What the bundle of the libraries does: it exports to modules only, and the page is one file without modules."""


COORDINATES = re.compile(r' (?:d|transform)="[^"]*"')
DECIMAL = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
UNSEEN = re.compile(r' (?:class|role|pointer-events|aria-[a-z]+)="[^"]*"')
"""In an SVG of Vega: attributes that hold coordinates, numbers to be rounded in them, attributes that draw nothing."""


def svg(figure: Figure) -> bytes:
    """A figure as SVG; the same figure gives the same bytes.

    Raises:
        ValueError: the figure has nothing to show.
    """
    text: str = vl_convert.vegalite_to_svg(figure.picture_specification(), vl_version=VEGA_LITE)
    # Vega numbers clip paths and gradients over all pictures of a process.
    numbers: dict[str, int] = {}
    return re.sub(
        r"\b(clip|gradient_)(\d+)\b",
        lambda found: f"{found[1]}{numbers.setdefault(found[0], len(numbers))}",
        text,
    ).encode()


def png(figure: Figure, scale: float = 1.5) -> bytes:
    """A figure as PNG, `scale` pixels to one of the specification.

    Raises:
        ValueError: the figure has nothing to show.
    """
    picture: bytes = vl_convert.vegalite_to_png(
        figure.picture_specification(), vl_version=VEGA_LITE, scale=scale
    )
    return picture


def markdown_image(figure: Figure) -> str:
    """A figure as markdown with the picture inside, as asset pages show it; a sentence if it is empty.

    Dagster stores it three times a night, so it is an SVG of a tenth of a PNG's size: coordinates to a tenth of a pixel,
    without what only scripts and screen readers use, which do not see into a picture.
    """
    if figure.chart is None:
        return figure.missing
    rounded = COORDINATES.sub(
        lambda path: DECIMAL.sub(lambda number: f"{float(number[0]):.1f}", path[0]),
        svg(figure).decode(),
    )
    picture = UNSEEN.sub("", rounded).encode()
    return f"![{figure.name}](data:image/svg+xml;base64,{base64.b64encode(picture).decode()})"


@cache
def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, which defines `vegaEmbed` on the page."""
    bundle: str = vl_convert.javascript_bundle(EXPORTED, vl_version=VEGA_LITE)
    return bundle.replace("</script", "<\\/script")


def javascript_key() -> str:
    """Digest of all that the script depends on; bundling it takes seconds, so a release takes over that of the last."""
    made_from = f"{version('vl-convert-python')} {VEGA_LITE} {EXPORTED}"
    return hashlib.sha256(made_from.encode()).hexdigest()[:8]

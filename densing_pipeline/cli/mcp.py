"""`densing mcp`: serves the latest release to assistants, on standard input and output or on loopback."""

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import reader_settings

HOST = "127.0.0.1"
"""The only address that the server listens on."""


def run(screen: Screen, *, http: bool, port: int) -> None:
    """Serve until the client ends the session, or an interrupt.

    Raises:
        CommandError: the optional package `mcp` is not installed.
    """
    try:
        from densing_pipeline.assistants import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise CommandError(
            "the package mcp is not installed; `pip install 'densing-pipeline[mcp]'` installs it"
        ) from error
    made = server(reader_settings().publish_dir / "latest")
    if http:
        screen.line(f"http://{HOST}:{port}/mcp")
        made.run("streamable-http", host=HOST, port=port)
    else:
        made.run("stdio")

"""`densing publish`: send the latest release to a place, or say what would be sent."""

from densing_pipeline.cli.errors import CommandError
from densing_pipeline.cli.screen import Screen
from densing_pipeline.cli.settings import current_settings, published_folder, with_publish_url
from densing_pipeline.publication import catalogue
from densing_pipeline.publication.places import copies
from densing_pipeline.publication.places.place import PlaceError
from densing_pipeline.publication.release import latest_release, nothing_published


def run(screen: Screen, address: str | None, *, is_trial: bool) -> None:
    """Send the latest release to a place.

    Args:
        screen: where it is said what happened.
        address: the place; that of `DENSING_PUBLISH_URL` if left out.
        is_trial: say what would be sent, and write nothing.

    Raises:
        CommandError: nothing is published, the place is a local folder, or it cannot be read or written.
        SettingsRefusedError: no place is written like this.
    """
    folder = published_folder()
    target = current_settings() if address is None else with_publish_url(address)
    if not target.is_remote:
        raise CommandError(
            f"{target.publish_url}: is a local folder, which nights publish to by themselves (DENSING_PUBLISH_URL); give a "
            "place such as hf://datasets/owner/name or s3://bucket/prefix"
        )
    latest = latest_release(folder)
    if latest is None:
        raise CommandError(nothing_published(folder))
    try:
        place = copies.place_at(target.publish_url, target)
        if is_trial:
            sent = place.plan(latest.path, set(catalogue.in_folder(folder)["release_id"]))
        else:
            sent = copies.send(place, target, latest.path)
    except PlaceError as error:
        raise CommandError(str(error)) from error
    screen.say(sent.sentence)
    if is_trial:
        screen.say("Nothing was written: add --go to do it.")

"""The demonstration records of public_data/, read on a site like any upload."""

from pathlib import Path

from bundles import ROOT
from webapp.storage.accounts import Person
from webapp.store import Store
from webapp.uploads import queue_copies

NAME = "public_data"


def demonstration_files() -> list[Path]:
    """The recordings that come with the program; none where it was installed without them."""
    return sorted((ROOT / "public_data/test").glob("*.npy"))


def queue_demonstration(store: Store, person: Person) -> str:
    """Queue them; the job's id. Raises UploadRefused where there are none, NoRoom."""
    return queue_copies(store, person, demonstration_files(), NAME)

"""``manage.py fetch_models [pack]``: lists the packs, or brings the models of one here."""

from __future__ import annotations

import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from models import registry
from models.errors import LicenceNotAccepted, ModelMissing, WrongHash
from models.fetch import DownloadFailed, fetch, forget_archives
from models.registry import ModelEntry, Places
from worker import wiring

COMMERCIAL = {True: "allowed", False: "not allowed", None: "unclear"}


class Command(BaseCommand):
    help = "List the packs of models, or download the models of one (hash checked, licence shown)."

    def add_arguments(self, parser) -> None:
        parser.add_argument("pack", nargs="?", help="as named in models/manifest.toml; without it, list them")
        parser.add_argument("--accept-licence", action="store_true", help="accept the licences shown without asking")

    def handle(self, *, pack: str | None, accept_licence: bool, **_: object) -> None:
        places = wiring.places()
        if pack is None:
            self._list(places)
            return
        try:
            entries = [registry.models()[name] for name in registry.pack(pack).models]
            if not entries:
                raise CommandError(f"there is nothing to fetch for {pack}: {registry.pack(pack).description}")
            missing = [entry for entry in entries if not at_hand(entry, places)]
            for entry in entries:
                if entry not in missing:
                    self.stdout.write(f"{entry.name}: at hand")
            self._check_licences([entry for entry in missing if entry.source], accepted=accept_licence)
            absent = [entry for entry in missing if not self._fetched(entry, places)]
        except (ModelMissing, WrongHash, DownloadFailed, LicenceNotAccepted) as error:
            raise CommandError(str(error)) from error
        if absent:
            raise CommandError("\n".join(f"{entry.name}: {entry.note}" for entry in absent))
        forget_archives(places)
        self.stdout.write(f"Pack {pack} is complete. It is used when COSMIC_PACK={pack} is set and COSMIC restarted.")

    def _fetched(self, entry: ModelEntry, places: Places) -> bool:
        if not entry.source:
            return False
        with tqdm(total=entry.size, unit="B", unit_scale=True, desc=entry.name, disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total or None
                bar.update(done - bar.n)

            path = fetch(entry, places, show)
        self.stdout.write(f"{entry.name}: {path}")
        return True

    def _check_licences(self, entries: list[ModelEntry], *, accepted: bool) -> None:
        """Raises LicenceNotAccepted unless somebody agrees to each licence."""
        for licence in dict.fromkeys((entry.licence, entry.licence_url) for entry in entries):
            covered = [entry for entry in entries if (entry.licence, entry.licence_url) == licence]
            names = ", ".join(entry.name for entry in covered)
            self.stdout.write(f"\n{names}\n  licence: {licence[0]}\n  text: {licence[1]}")
            self.stdout.write(f"  commercial use: {COMMERCIAL[covered[0].commercial]}")
            if accepted:
                continue
            if not sys.stdin.isatty():
                raise LicenceNotAccepted("nobody is here to accept the licence; pass --accept-licence if you do")
            if input("  Do you accept it? [y/N] ").strip().lower() not in {"y", "yes"}:
                raise LicenceNotAccepted(f"{names}: the licence was not accepted, nothing was downloaded")

    def _list(self, places: Places) -> None:
        table = Table(title="Packs of models")
        for heading in ("pack", "what", "models (licence)", "here"):
            table.add_column(heading, overflow="fold")
        for pack in registry.packs().values():
            entries = [registry.models()[name] for name in pack.models]
            here = sum(at_hand(entry, places) for entry in entries)
            active = " (active)" if pack.name == settings.ENV.pack else ""
            models = "\n".join(f"{entry.name} ({entry.licence})" for entry in entries)
            table.add_row(pack.name + active, pack.description, models, f"{here} of {len(entries)}")
        Console().print(table)


def at_hand(entry: ModelEntry, places: Places) -> bool:
    """Whether the model's file is here with the right hash. Raises WrongHash for a file that is not the one named."""
    try:
        registry.locate(entry.name, places)
    except ModelMissing:
        return False
    return True

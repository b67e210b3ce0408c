"""``manage.py enroll_folder database/``: enrol ``<username>/*.jpg`` and ``<username>/voice/*.wav``."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.audit.services.record import COMMAND_LINE
from apps.enrollment.services.folder import FolderReport, enrol_folder, people_in
from apps.identities.services.models import sync_model_versions
from models.errors import ModelMissing
from worker import wiring


class Command(BaseCommand):
    help = "Enrol a folder of people. Running it again takes in only what is new."

    def add_arguments(self, parser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--consent-on-file",
            action="store_true",
            help="confirm that every person in the folder has agreed to the storing of their biometrics",
        )

    def handle(self, *, folder: Path, consent_on_file: bool, **_: object) -> None:
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder")
        if not consent_on_file:
            raise CommandError("Biometric data are only stored with consent: give --consent-on-file if you hold it.")
        try:
            sync_model_versions(cards=wiring.cards())
            embed, llr = wiring.embed_for_enrolment(), wiring.llr_for()
        except ModelMissing as error:
            raise CommandError(str(error)) from error
        people = people_in(folder)
        with tqdm(total=len(people), unit="person", disable=None) as bar:
            reports = enrol_folder(
                folders=people, embed=embed, llr=llr, actor_id=COMMAND_LINE, on_done=lambda _: bar.update(1)
            )
        self._print(reports)

    def _print(self, reports: list[FolderReport]) -> None:
        for report in reports:
            self.stdout.write(f"{report.username}: {report.status}, {report.accepted} new, {report.known} known")
            for file, code in report.refused:
                self.stdout.write(f"    {file}: {code}")
        accepted = sum(report.accepted for report in reports)
        refused = sum(len(report.refused) for report in reports)
        self.stdout.write(f"{len(reports)} people, {accepted} samples taken in, {refused} files refused")

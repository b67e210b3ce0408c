"""``manage.py rebuild_gallery``: re-embed all stored samples with the configured pack, here and now."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.audit.services.record import COMMAND_LINE
from apps.errors import CosmicError
from apps.identities.services.gallery import build_by_id, rebuild_step, request_rebuild
from apps.identities.services.models import sync_model_versions
from models.errors import ModelMissing
from worker import wiring


class Command(BaseCommand):
    help = "Move the gallery to the pack named by COSMIC_PACK. The old templates answer until all new ones are there."

    def handle(self, **_: object) -> None:
        pack = settings.ENV.pack
        try:
            sync_model_versions(cards=wiring.cards())
            embed = wiring.embed_for_enrolment(pack)
            build = request_rebuild(pack=pack, actor_id=COMMAND_LINE)
        except (ModelMissing, CosmicError) as error:
            raise CommandError(str(error)) from error
        with tqdm(total=build.total, unit="sample", disable=None) as bar:
            more = True
            while more:
                more = rebuild_step(build.pk, embed)
                bar.update(build_by_id(build.pk).done - bar.n)
        build = build_by_id(build.pk)
        self.stdout.write(f"pack {pack}: {build.done} samples, {len(build.not_carried)} could not be carried over")
        for entry in build.not_carried:
            self.stdout.write(f"    person {entry['person']}, sample {entry['sample']}: {entry['code']}")

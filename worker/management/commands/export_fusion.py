"""``manage.py export_fusion --checkpoint runs/mimop/fold0/best.safetensors --features features.sqlite``"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from models.cosmic.export import ParityBroken
from models.data.load import load
from models.evaluation.decision import Stakes
from models.evaluation.errors import TooFewTrials
from models.fusion import SHIPPED, FusionMethod
from models.mimop.export import ParityLost
from models.training.checkpoint import BadCheckpoint
from worker import fusion_export, wiring


class Command(BaseCommand):
    help = (
        "Turn a trained fusion into what the cascade runs: ONNX graphs held against PyTorch, calibrations on the fold's "
        "validation people, figures on its test people, a model card. COSMIC_FUSION then names the method."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--method", choices=["mimop", "cosmic", "logistic"], default="mimop")
        parser.add_argument("--checkpoint", type=Path, help="of mimop and cosmic")
        parser.add_argument("--fold", type=int, default=0, help="of logistic, which is fitted here")
        parser.add_argument("--features", type=Path, required=True)
        parser.add_argument("--ship", action="store_true", help="write beside the weights that come with COSMIC")

    def handle(self, *, method: str, checkpoint: Path | None, features: Path, fold: int, **options) -> None:
        if (checkpoint is None) != (method == FusionMethod.LOGISTIC):
            raise CommandError("--checkpoint goes with mimop and cosmic, and both need one")
        env = settings.ENV
        try:
            data = load(features)
            if checkpoint is None:
                trained = fusion_export.trained_logistic(data, fold)
            else:
                open_checkpoint = {"mimop": fusion_export.trained_mimop, "cosmic": fusion_export.trained_cosmic}[method]
                trained = open_checkpoint(checkpoint, data)
            root = SHIPPED if options["ship"] else wiring.places().state_dir / "fusion"
            folder = root / data.header.pack / method
            stakes = Stakes(env.prior, env.cost_false_match, env.cost_false_non_match)
            fusion_export.export(trained, folder, stakes=stakes, command=f"manage.py export_fusion --method {method}")
        except (BadCheckpoint, FileNotFoundError, TooFewTrials, ValueError, ParityLost, ParityBroken) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{folder}\n\n{(folder / 'README.md').read_text()}")

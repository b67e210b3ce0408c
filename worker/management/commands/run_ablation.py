"""``manage.py run_ablation --features features.sqlite --variants all --folds 3``: what each part of COSMIC is worth."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from models.cosmic import config as cosmic_config
from models.data.load import load
from models.evaluation import ablation as tables
from models.evaluation.errors import TooFewTrials
from models.mimop import train as mimop_train
from models.training.command import chosen_device
from models.training.configuration import merged, read_toml
from models.training.loop import Diverged
from worker import ablation

FAMILIES = Path(cosmic_config.__file__).parent.parent


class Command(BaseCommand):
    help = "Train and measure all variants and baselines on identity-disjoint folds; one table with mean and deviation."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--features", type=Path, required=True)
        parser.add_argument("--variants", default="all", help=f"all, or some of {','.join(ablation.VARIANTS)}")
        parser.add_argument("--folds", type=int, default=3, help="how many of the split's folds to run")
        parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="a second call goes on there")
        parser.add_argument("--cosmic-config", type=Path, default=FAMILIES / "cosmic" / "configs" / "full.toml")
        parser.add_argument("--mimop-config", type=Path, default=FAMILIES / "mimop" / "configs" / "base.toml")
        parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])

    def handle(self, *, features: Path, variants: str, folds: int, out: Path, **options) -> None:
        try:
            plan = ablation.Plan(
                variants=ablation.chosen_variants(variants),
                folds=folds,
                out=out,
                cosmic=merged(cosmic_config.TrainConfig(), read_toml(options["cosmic_config"])),
                mimop=merged(mimop_train.TrainConfig(), read_toml(options["mimop_config"])),
                device=chosen_device(options["device"]),
            )
            rows = list(ablation.run(plan, load(features)))
        except (ValueError, FileNotFoundError, TooFewTrials, Diverged) as error:
            raise CommandError(str(error)) from error
        out.mkdir(parents=True, exist_ok=True)
        (out / "table.csv").write_text(tables.as_csv(tables.table(rows)))
        markdown = tables.as_markdown(tables.table(rows))
        (out / "table.md").write_text(markdown)
        self.stdout.write(markdown)

"""``manage.py rotate_master_key``: seal everything under a new master key while web and worker go on."""

from __future__ import annotations

import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.audit.services.record import COMMAND_LINE
from apps.identities import master_keys
from apps.identities.services.master_key import Rotation, RotationRefused, rotate_master_key


class Command(BaseCommand):
    help = (
        "Seal everything under a new master key, without a stop. A call that was cut off is taken up by the next one. "
        "With keys from COSMIC_MASTER_KEY: seal everything under the first of them."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("--drop-old", action="store_true", help="take the old key out of the key file at the end")
        parser.add_argument(
            "--settle",
            type=float,
            default=60.0,
            metavar="SECONDS",
            help="how long the new key is in the file at least before the old one goes (default 60)",
        )

    def handle(self, *, drop_old: bool, settle: float, **_: object) -> None:
        bars = Bars()
        if drop_old and settle:
            self.stdout.write(
                f"The old key goes {settle:.0f} s after the new one came at the earliest; it may seem to wait."
            )
            self.stdout.flush()
        try:
            done = rotate_master_key(drop_old=drop_old, settle=settle, actor_id=COMMAND_LINE, progress=bars)
        except (RotationRefused, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        finally:
            bars.close()
        for kind, count in done.resealed.items():
            self.stdout.write(f"{kind}: {count} sealed anew")
        if done.left_closed:
            raise CommandError(what_is_left(done))
        if drop_old and done.old and not done.dropped:
            raise CommandError("Something was sealed under the old key meanwhile, so it stays: call this again.")
        self.stdout.write(what_next(done))


class Bars:
    """A progress bar for each kind, one below the other."""

    def __init__(self) -> None:
        self._shown: tuple[str, int] | None = None
        self._bar: tqdm | None = None

    def __call__(self, kind: str, done: int, total: int) -> None:
        if self._bar is None or self._shown != (kind, total):
            self.close()
            self._shown = kind, total
            self._bar = tqdm(desc=kind, total=total, unit="", file=sys.stderr, ncols=100)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def what_is_left(done: Rotation) -> str:
    lines = [f"{kind}: {', '.join(ids)}" for kind, ids in done.left_closed.items()]
    return "These do not open and were left as they are, so no key is dropped:\n" + "\n".join(lines)


def what_next(done: Rotation) -> str:
    """What the operator has to do now."""
    old = ", ".join(done.old)
    if done.dropped:
        return f"Key {old} is out of {master_keys.key_file()}; {done.key} alone is in it. Back that file up now."
    if not done.old:
        return (
            f"Everything is sealed under {done.key}. To rotate, put a new key into COSMIC_MASTER_KEY (decision 0010)."
        )
    if master_keys.from_environment():
        return f"Everything is sealed under {done.key}. Take {old} out of COSMIC_MASTER_KEY, and restart all processes."
    return (
        f"Everything is sealed under {done.key}; {old} is still in {master_keys.key_file()}. Back that file up now, and "
        "end the rotation with --drop-old."
    )

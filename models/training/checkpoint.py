"""Checkpoints as safetensors: tensors and a JSON text, nothing that could run when it is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

META = "meta"


class BadCheckpoint(ValueError):
    """The file is no checkpoint of ours, or one of another kind."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``meta`` holds plain JSON values: the configuration, the git revision, what the features were made with."""

    tensors: dict[str, Tensor]
    meta: dict[str, Any]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write beside and rename, so that a kill leaves the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in checkpoint.tensors.items()}
    descriptor, draft = tempfile.mkstemp(dir=path.parent, suffix=".draft")
    os.close(descriptor)
    try:
        save_file(tensors, draft, metadata={META: json.dumps(checkpoint.meta, sort_keys=True)})
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)


def load(path: Path, *, kind: str | None = None) -> Checkpoint:
    """Read a checkpoint.

    Arguments:
        kind: what ``meta["kind"]`` has to be.

    Raises:
        BadCheckpoint: another kind, or no safetensors file (a pickle, for one, is refused and never run).
    """
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {}).get(META, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise BadCheckpoint(f"{path} is no checkpoint in safetensors form: {error}") from error
    if kind is not None and meta.get("kind") != kind:
        raise BadCheckpoint(f"{path} holds {meta.get('kind', 'something unnamed')}, not {kind}")
    return Checkpoint(tensors, meta)


def optimiser_tensors(optimiser: torch.optim.Optimizer, prefix: str = "optimiser") -> dict[str, Tensor]:
    """The optimiser's state as flat tensors. Learning rates and such come from the configuration, not from here."""
    state = optimiser.state_dict()["state"]
    return {
        f"{prefix}.{index}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
        for index, values in state.items()
        for name, value in values.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], prefix: str = "optimiser") -> None:
    whole = optimiser.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(f"{prefix}."):
            index, key = name.removeprefix(f"{prefix}.").split(".", 1)
            state.setdefault(int(index), {})[key] = value
    whole["state"] = state
    optimiser.load_state_dict(whole)


def git_revision() -> str:
    """The commit of the code that runs, with "+changes" when files differ from it; "unknown" outside a checkout."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        return subprocess.run(  # noqa: S603
            ["git", "-C", str(here), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", "..") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"

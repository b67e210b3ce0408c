"""Features made for a test, as the file that commands read."""

from __future__ import annotations

from pathlib import Path

from models.data.features import FACE, VOICE, Features, FeatureStore, Key, Sample


def write(path: Path, features: Features) -> None:
    store = FeatureStore(path, features.header)
    for modality, side in ((FACE, features.face), (VOICE, features.voice)):
        for row in range(len(side)):
            dataset, source, condition = (str(one[row]) for one in (side.dataset, side.source, side.condition))
            store.add(
                Sample(
                    Key(modality, dataset, source, condition, f"{dataset}-{source}-{condition}"),
                    str(side.identity[row]).removeprefix(f"{dataset}/"),
                    str(side.session[row]),
                    float(side.quality[row]),
                    str(side.refused[row]),
                    side.embeddings[row],
                    side.context[row],
                )
            )
    store.close()

"""The gallery that the cascade compares with: references by person, and search for the nearest.

SQLite: all references of the pack lie in the worker's memory and are searched exactly; they are refreshed when
``GalleryState.version`` has moved. PostgreSQL: the database finds candidates by their rotated vectors (an exact scan), and the
unsealed templates of the candidates decide.

Satisfies ``worker.cascade.ports.Gallery`` by its shape; apps may not import the worker. numpy is imported where it is
used, so that the web process stays small.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connection
from pgvector.django import CosineDistance

from apps.identities.models import GalleryState, Modality, ModelVersion, Person, Template
from apps.identities.sealed_traces import open_traces
from apps.identities.sealed_vectors import open_vector
from apps.identities.vault import Unsealable

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

BATCH = 2000
CANDIDATES_PER_RESULT = 8  # templates that PostgreSQL is asked for, for each person wanted


@dataclass(frozen=True, slots=True)
class Neighbour:
    person_id: int
    similarity: float  # cosine


@dataclass(slots=True)
class Matrix:
    """References (n, width) of one model version as they were at one version of the gallery."""

    version: int
    person_ids: np.ndarray
    references: np.ndarray
    rows: dict[int, int] = field(default_factory=dict)
    vectors: dict[int, np.ndarray] = field(default_factory=dict)  # opened templates by id


_matrices: dict[int, Matrix] = {}
_lock = threading.Lock()


class StoredGallery:
    """The templates of one pack's models, of people who may log in."""

    def __init__(self, pack: str) -> None:
        """Raises LookupError when the pack's models were never synced, so that nothing could be compared."""
        versions = {version.modality: version for version in answering_versions(pack)}
        if not versions:
            raise LookupError(f"no model versions of pack {pack}")
        self._versions = versions

    def references(self, modality: str, person_ids: list[int]) -> dict[int, np.ndarray]:
        """Unit references by person; people without one are absent."""
        version = self._versions[str(modality)]
        if connection.vendor == "postgresql":
            return _references_of(version, person_ids)
        matrix = _matrix_of(version)
        return {person: matrix.references[matrix.rows[person]] for person in person_ids if person in matrix.rows}

    def search(self, modality: str, probe: np.ndarray, limit: int) -> list[Neighbour]:
        """The nearest people by cosine, best first."""
        version = self._versions[str(modality)]
        if connection.vendor == "postgresql":
            return _search_database(version, probe, limit)
        return search_matrix(_matrix_of(version), probe, limit)

    def traces(self, person_id: int) -> list[bytes]:
        """What is kept of a person's earlier captures, the newest first."""
        return open_traces(person_id)

    def size(self, modality: str) -> int:
        """How many people have a reference."""
        version = self._versions[str(modality)]
        if connection.vendor == "postgresql":
            return _active_templates(version).values("person").distinct().count()
        return len(_matrix_of(version).person_ids)


def answering_versions(pack: str) -> list[ModelVersion]:
    """The newest model version of each modality in a pack."""
    recognising = ModelVersion.objects.filter(pack=pack, modality__in=Modality.values)
    newest = {version.modality: version for version in recognising.order_by("pk")}
    return list(newest.values())


def search_matrix(matrix: Matrix, probe: np.ndarray, limit: int) -> list[Neighbour]:
    """Exact search: one product, and a partial sort for the best."""
    import numpy as np

    if not len(matrix.person_ids):
        return []
    scores = matrix.references @ probe.astype(np.float32)
    count = min(limit, len(scores))
    best = np.argpartition(scores, len(scores) - count)[-count:]
    best = best[np.argsort(-scores[best])]
    return [Neighbour(int(matrix.person_ids[row]), float(scores[row])) for row in best]


def _active_templates(version: ModelVersion):
    return Template.objects.filter(model_version=version, person__status=Person.Status.ACTIVE)


def _matrix_of(version: ModelVersion) -> Matrix:
    """The matrix in memory, built anew when the gallery has changed."""
    state = GalleryState.objects.filter(pk=1).values_list("version", flat=True).first() or 0
    with _lock:
        held = _matrices.get(version.pk)
        if held is None or held.version != state:
            held = _load(version, state, held)
            _matrices[version.pk] = held
        return held


def _load(version: ModelVersion, state: int, held: Matrix | None) -> Matrix:
    """Only templates that are not yet held are opened; what has gone is left out."""
    import numpy as np

    owners = dict(_active_templates(version).order_by("person_id", "pk").values_list("pk", "person_id"))
    known = held.vectors if held is not None else {}
    vectors = {pk: known[pk] for pk in owners if pk in known}
    new = [pk for pk in owners if pk not in vectors]
    for start in range(0, len(new), BATCH):
        vectors |= _opened(Template.objects.filter(pk__in=new[start : start + BATCH]))
    usable = [pk for pk in owners if pk in vectors]
    if not usable:
        return Matrix(state, np.zeros(0, np.int64), np.zeros((0, version.width), np.float32))
    people, starts = np.unique([owners[pk] for pk in usable], return_index=True)
    sums = np.add.reduceat(np.stack([vectors[pk] for pk in usable]), starts, axis=0)
    references = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    return Matrix(state, people, references, {int(person): row for row, person in enumerate(people)}, vectors)


def _opened(templates) -> dict[int, np.ndarray]:
    """Vectors by template id. A template that does not open is left out, and said so."""
    import numpy as np

    vectors = {}
    for template in templates:
        try:
            vectors[template.pk] = np.frombuffer(open_vector(template), "<f4")
        except Unsealable:
            log.error("template %s does not open and is not used", template.pk)
    return vectors


def _references_of(version: ModelVersion, person_ids: list[int]) -> dict[int, np.ndarray]:
    import numpy as np

    templates = list(_active_templates(version).filter(person_id__in=person_ids))
    vectors = _opened(templates)
    references = {}
    for person in {template.person_id for template in templates if template.pk in vectors}:
        total = np.sum([vectors[one.pk] for one in templates if one.person_id == person and one.pk in vectors], axis=0)
        references[person] = (total / np.linalg.norm(total)).astype(np.float32)
    return references


def _search_database(version: ModelVersion, probe: np.ndarray, limit: int) -> list[Neighbour]:
    from apps.identities.rotation import rotated

    found = (
        _active_templates(version)
        .order_by(CosineDistance("search_vector", rotated(probe.tolist())))
        .values_list("person_id", flat=True)[: limit * CANDIDATES_PER_RESULT]
    )
    references = _references_of(version, list(dict.fromkeys(found)))
    scored = [Neighbour(person, float(reference @ probe)) for person, reference in references.items()]
    return sorted(scored, key=lambda neighbour: -neighbour.similarity)[:limit]

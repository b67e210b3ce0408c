"""Faces and voices with a planted common factor: the one place where the best possible cross-modal score is known.

Chimeric people carry no association of face and voice. Here both are drawn from one Gaussian factor of the person,
``face = A s + a + noise`` and ``voice = B s + b + noise``, with a and b factors of their own, so that the optimal score
of a pair is a ratio of Gaussian densities and a method can be held against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Planted:
    """n samples. ``face`` (n, face width), ``voice`` (n, voice width), ``identity`` (n,); row i of both is one person's."""

    face: Array64
    voice: Array64
    identity: NDArray[np.int64]

    def centroids(self) -> tuple[Array64, Array64]:
        """(people, width) means of faces and of voices."""
        people = np.unique(self.identity)
        face, voice = (
            np.stack([side[self.identity == one].mean(0) for one in people]) for side in (self.face, self.voice)
        )
        return face, voice


@dataclass(frozen=True, slots=True)
class Generator:
    """Draws people.

    Arguments:
        shared: dimensions of the common factor.
        own: standard deviation of what is the face's or the voice's alone, against 1 of the common factor.
        noise: standard deviation between samples of one person.
    """

    face_width: int = 48
    voice_width: int = 32
    shared: int = 6
    own: float = 0.6
    noise: float = 0.4
    seed: int = 0

    def draw(self, people: int, samples: int, *, seed: int) -> Planted:
        draw = np.random.default_rng([self.seed, seed])
        to_face, to_voice = self._maps()
        factor = draw.standard_normal((people, self.shared))
        identity = np.repeat(np.arange(people), samples)
        sides = []
        for to_side in (to_face, to_voice):
            own = self.own * draw.standard_normal((people, to_side.shape[1]))
            person = factor @ to_side + own
            sides.append(person[identity] + self.noise * draw.standard_normal((len(identity), to_side.shape[1])))
        return Planted(sides[0], sides[1], identity)

    def optimal_scores(self, face: Array64, voice: Array64) -> Array64:
        """(faces, voices) log p(face, voice) - log p(face) p(voice) of single samples: no score ranks better."""
        to_face, to_voice = self._maps()
        spread = self.own**2 + self.noise**2
        covariance_face = to_face.T @ to_face + spread * np.eye(self.face_width)
        covariance_voice = to_voice.T @ to_voice + spread * np.eye(self.voice_width)
        cross = to_face.T @ to_voice
        joint = np.block([[covariance_face, cross], [cross.T, covariance_voice]])
        inverse = np.linalg.inv(joint)
        split = self.face_width
        face_part = inverse[:split, :split] - np.linalg.inv(covariance_face)
        voice_part = inverse[split:, split:] - np.linalg.inv(covariance_voice)
        constant = np.linalg.slogdet(joint)[1] - sum(
            np.linalg.slogdet(one)[1] for one in (covariance_face, covariance_voice)
        )
        quadratic = (
            np.einsum("ni,ij,nj->n", face, face_part, face)[:, None]
            + np.einsum("ni,ij,nj->n", voice, voice_part, voice)[None, :]
            + 2 * face @ inverse[:split, split:] @ voice.T
        )
        return -0.5 * (quadratic + constant)

    def _maps(self) -> tuple[Array64, Array64]:
        draw = np.random.default_rng([self.seed, 1_000_003])
        scale = 1 / np.sqrt(self.shared)
        return (
            scale * draw.standard_normal((self.shared, self.face_width)),
            scale * draw.standard_normal((self.shared, self.voice_width)),
        )

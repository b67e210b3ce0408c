"""The convex energy solver: identity as the one minimiser of a strictly convex energy, in closed form.

E(I) = 1/2 I^T H I - b^T I with
H = W^T W + beta^2 q_f rho_f^T rho_f + gamma^2 q_v rho_v^T rho_v + eps 1 and
b = alpha f_kan + beta^2 q_f rho_f^T h_f + gamma^2 q_v rho_v^T h_v.

Sources: normal equations of weighted least squares; Cholesky and conjugate gradients as in Golub and Van Loan,
"Matrix Computations", 4th edition, 4.2 and 11.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# softplus of it is one: the three terms begin with the same say.
SOFTPLUS_ONE = math.log(math.e - 1)

# Face and voice: neither, the voice, the face, both.
PRESENCE_PATTERNS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
# Doubles the correct digits at each step once it has found the smallest eigenvalue: enough for conditions up to 1e6.
NEWTON_STEPS = 24


@dataclass(frozen=True, slots=True)
class Solution:
    """I* of each row, (B, d): ``raw`` = H^-1 b, and ``identity`` the same scaled to unit norm (zero where b is zero)."""

    identity: Tensor
    raw: Tensor


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Smallest and largest eigenvalue of H, and their ratio, the condition number."""

    smallest: float
    largest: float
    condition: float


class ConvexEnergySolver(nn.Module):
    """Solves for the identity of a face (B, h), a voice (B, h) and a target f_kan (B, d), any modality missing or not.

    Arguments:
        hidden: h, width of the modalities' tokens.
        identity: d, width of the identity.
        epsilon: added to the diagonal of H, so that H is positive definite whatever the parameters become.
    """

    patterns: Tensor

    def __init__(self, hidden: int, identity: int = 64, epsilon: float = 1e-2) -> None:
        super().__init__()
        if epsilon <= 0:
            raise ValueError(f"epsilon is {epsilon}; H is only positive definite for a positive one")
        self.epsilon = epsilon
        # Orthogonal at the start: every Gram matrix is then a multiple of a projection, and H well conditioned.
        self.W = nn.Parameter(nn.init.orthogonal_(torch.empty(identity, identity)))
        self.rho_face = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden, identity)))
        self.rho_voice = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden, identity)))
        self.raw_alpha = nn.Parameter(torch.tensor(SOFTPLUS_ONE))
        self.raw_beta = nn.Parameter(torch.tensor(SOFTPLUS_ONE))
        self.raw_gamma = nn.Parameter(torch.tensor(SOFTPLUS_ONE))
        self.register_buffer("patterns", torch.tensor(PRESENCE_PATTERNS), persistent=False)
        self._factors: dict[tuple[bool, bool], tuple[tuple[object, ...], Tensor]] = {}

    @property
    def alpha(self) -> Tensor:
        """Weight of f_kan, positive."""
        return F.softplus(self.raw_alpha)

    @property
    def beta(self) -> Tensor:
        """Weight of the face, positive."""
        return F.softplus(self.raw_beta)

    @property
    def gamma(self) -> Tensor:
        """Weight of the voice, positive."""
        return F.softplus(self.raw_gamma)

    def weights(self, quality: Tensor, present: Tensor) -> Tensor:
        """q_f and q_v (B, 2): the quality, held in [0, 1], and 0 where the modality is absent."""
        return torch.where(present, quality.clamp(0.0, 1.0), 0.0)

    def system(self, weights: Tensor) -> Tensor:
        """H (B, d, d) for ``weights`` (B, 2)."""
        prior, face, voice = self._grams()
        q_face, q_voice = weights[:, 0, None, None], weights[:, 1, None, None]
        return prior + q_face * face + q_voice * voice

    def right_side(self, f_kan: Tensor, h_face: Tensor, h_voice: Tensor, weights: Tensor) -> Tensor:
        """b (B, d). What stands in h where its weight is zero does not matter, not even infinity or NaN."""
        q_face, q_voice = weights[:, :1], weights[:, 1:]
        face = torch.where(q_face > 0, h_face, 0.0) @ self.rho_face
        voice = torch.where(q_voice > 0, h_voice, 0.0) @ self.rho_voice
        return self.alpha * f_kan + self.beta**2 * q_face * face + self.gamma**2 * q_voice * voice

    def energy(self, identity: Tensor, H: Tensor, b: Tensor) -> Tensor:
        """E (B,) at ``identity`` (B, d), which need not be unit; H is (B, d, d) or (d, d), b is (B, d)."""
        pulled = (H @ identity.unsqueeze(-1)).squeeze(-1)
        return (identity * (pulled / 2 - b)).sum(-1)

    def forward(self, f_kan: Tensor, h_face: Tensor, h_voice: Tensor, quality: Tensor, present: Tensor) -> Solution:
        """The minimiser of each row, by one Cholesky factor a row.

        Arguments:
            f_kan: (B, d).
            h_face, h_voice: (B, h).
            quality: (B, 2), face and voice, in [0, 1].
            present: (B, 2) bool; an absent modality drops out of H and b.
        """
        weights = self.weights(quality, present)
        b = self.right_side(f_kan, h_face, h_voice, weights)
        factor = torch.linalg.cholesky(self.system(weights))
        return _solution(torch.cholesky_solve(b.unsqueeze(-1), factor).squeeze(-1))

    def solve_shared(self, f_kan: Tensor, h_face: Tensor, h_voice: Tensor, present: tuple[bool, bool]) -> Solution:
        """As ``forward`` with quality 1 and the same modalities in every row: one Cholesky factor for all rows.

        In evaluation without gradients the factor is kept until a parameter changes (writing through ``.data``, which
        hides the change from PyTorch, is not seen). Otherwise it is computed, with its gradient, at each call.
        """
        weights = f_kan.new_tensor([present]).expand(f_kan.shape[0], 2)
        b = self.right_side(f_kan, h_face, h_voice, weights)
        return _solution(torch.cholesky_solve(b.T, self._shared_factor(present)).T)

    def solve_iteratively(
        self,
        f_kan: Tensor,
        h_face: Tensor,
        h_voice: Tensor,
        quality: Tensor,
        present: Tensor,
        iterations: int = 24,
    ) -> Solution:
        """As ``forward``, by conjugate gradients with a fixed number of steps: ONNX has no Cholesky, but this exports.

        The preconditioner is H at quality 1, so that at quality 1 the first step arrives whatever the parameters are;
        ``iterations_for`` says how many steps lower qualities need.
        """
        weights = self.weights(quality, present)
        b = self.right_side(f_kan, h_face, h_voice, weights)
        H, preconditioner = self.system(weights), self._preconditioner(present)
        # After convergence residual and direction are zero: 0 / tiny is a step of zero, where 0 / 0 would be NaN.
        tiny = torch.finfo(b.dtype).tiny
        residual = b.unsqueeze(-1)
        raw, direction = torch.zeros_like(residual), preconditioner @ residual
        error = (residual * direction).sum(1, keepdim=True)
        for _ in range(iterations):
            image = H @ direction
            step = error / (direction * image).sum(1, keepdim=True).clamp_min(tiny)
            raw = raw + step * direction
            residual = residual - step * image
            ahead = preconditioner @ residual
            previous, error = error, (residual * ahead).sum(1, keepdim=True)
            direction = ahead + error / previous.clamp_min(tiny) * direction
        return _solution(raw.squeeze(-1))

    @torch.no_grad()
    def spectrum(self, weights: Tensor | None = None) -> Spectrum:
        """Eigenvalues of H for one pair of ``weights`` (2,); quality 1 for both modalities unless given."""
        weights = self.W.new_ones(2) if weights is None else weights
        values = torch.linalg.eigvalsh(self.system(weights[None])[0].double())
        smallest, largest = float(values[0]), float(values[-1])
        return Spectrum(smallest, largest, largest / smallest)

    def train(self, mode: bool = True) -> ConvexEnergySolver:
        self._factors.clear()
        return super().train(mode)

    def _grams(self) -> tuple[Tensor, Tensor, Tensor]:
        """The three (d, d) parts of H at quality 1: prior with eps, face, voice."""
        unit = torch.eye(self.W.shape[0], dtype=self.W.dtype, device=self.W.device)
        prior = self.W.T @ self.W + self.epsilon * unit
        face = self.beta**2 * (self.rho_face.T @ self.rho_face)
        voice = self.gamma**2 * (self.rho_voice.T @ self.rho_voice)
        return prior, face, voice

    def _preconditioner(self, present: Tensor) -> Tensor:
        """(B, d, d), for ``present`` (B, 2): nearly the inverse of H at quality 1."""
        inverses = _approximate_inverse(self.system(self.patterns))
        face, voice = present[:, 0, None, None], present[:, 1, None, None]
        without_face = torch.where(voice, inverses[1], inverses[0])
        with_face = torch.where(voice, inverses[3], inverses[2])
        return torch.where(face, with_face, without_face)

    def _shared_factor(self, present: tuple[bool, bool]) -> Tensor:
        # Tensors made in inference mode count no versions: a change of them would go unseen.
        if self.training or torch.is_grad_enabled() or self.W.is_inference():
            return self._factorise(present)
        state = self._parameter_state()
        kept = self._factors.get(present)
        if kept is None or kept[0] != state:
            kept = (state, self._factorise(present))
            self._factors[present] = kept
        return kept[1]

    def _factorise(self, present: tuple[bool, bool]) -> Tensor:
        return torch.linalg.cholesky(self.system(self.W.new_tensor([present]))[0])

    def _parameter_state(self) -> tuple[object, ...]:
        """Differs as soon as a parameter is written to (version), replaced or moved (address, device, type)."""
        return tuple((p._version, p.data_ptr(), p.device, p.dtype) for p in self.parameters())


def iterations_for(quality: float, tolerance: float = 1e-6) -> int:
    """Steps of ``solve_iteratively`` for an error below ``tolerance`` (relative, energy norm).

    Arguments:
        quality: the lowest of the modalities that are present, in (0, 1]. The preconditioned H has its eigenvalues in
            [quality, 1], and the bound of Golub and Van Loan, 11.3, 2 ((sqrt(k) - 1) / (sqrt(k) + 1))^n, holds with
            k = 1 / quality.
    """
    root = math.sqrt(1 / quality)
    rate = (root - 1) / (root + 1)
    return max(1, math.ceil(math.log(tolerance / 2) / math.log(rate))) if rate > 0 else 1


def _approximate_inverse(H: Tensor) -> Tensor:
    """H^-1 by Newton and Schulz, (n, d, d) to the same: plain products of constants, which ONNX Runtime folds away.

    It only preconditions. However rough, it is a positive polynomial in H, and the iteration still ends where H says.
    """
    unit = torch.eye(H.shape[-1], dtype=H.dtype, device=H.device)
    inverse = unit / H.abs().sum(-1).amax(-1)[:, None, None]
    for _ in range(NEWTON_STEPS):
        inverse = inverse @ (2 * unit - H @ inverse)
    return inverse


def _solution(raw: Tensor) -> Solution:
    return Solution(F.normalize(raw, dim=-1), raw)

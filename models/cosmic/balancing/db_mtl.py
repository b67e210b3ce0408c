"""Log-scaled losses, and a barrier that keeps chosen tasks from paying for the others.

Sources: Lin et al., "Dual-Balancing for Multi-Task Learning", 2023 (losses balanced by their logarithm); Gong and Liu,
"Automatic and Harmless Regularization with Constrained and Lexicographic Optimization: A Dynamic Barrier Approach",
NeurIPS 2021 (dynamic barrier gradient descent, equation 4).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.cosmic.balancing.nearest import Array, multipliers

# Demands that would bend the update further than this many times what it lacks are taken to contradict each other.
LONGEST_BEND = 10.0


def log_scaled(losses: Tensor, epsilon: float = 1e-8) -> Tensor:
    """log(losses + epsilon), (K,) to (K,), for losses that are never negative.

    Each gradient becomes grad L / (L + epsilon), so that a task's unit of measure has no say.
    """
    return torch.log(losses + epsilon)


class DynamicBarrier:
    """Bends an update so that protected tasks do not rise beyond their running barrier.

    The barrier of a task is the exponential average of its loss plus ``slack``. The bent update v is the nearest to the
    given one with <v, g_k> >= phi_k for each protected gradient g_k, phi_k = min(rate (loss_k - barrier_k), cap ||g_k||^2).
    Beyond its barrier a loss has to fall, the faster the further; below, it may rise, the more slowly the nearer. A step of
    length eta changes loss_k by -eta <v, g_k>, to first order.

    Arguments:
        decay: of the exponential average, in [0, 1).
        slack: how far above its average a loss may be, in the unit of the losses (0.05 is 5 % for log-scaled ones).
        rate: share of the excess to remove in a step of length 1.
        cap: largest fall demanded, in units of what a step along the task's own gradient gives.
    """

    def __init__(self, *, decay: float = 0.9, slack: float = 0.05, rate: float = 1.0, cap: float = 1.0) -> None:
        self.decay = decay
        self.slack = slack
        self.rate = rate
        self.cap = cap
        self._steps = 0
        self._average = torch.zeros(0, dtype=torch.float64)

    def barriers(self) -> Tensor:
        """(M,) float64; empty before the first step, when there is nothing to hold."""
        return self._average + self.slack

    def adjust(self, update: Tensor, protected_gradients: Tensor, protected_losses: Tensor) -> Tensor:
        """The bent update, and the barriers moved on by one step.

        Where the protected tasks' demands contradict each other (gradients about opposite, both beyond their barriers) each
        is only held: its loss may not rise to first order, which ``update`` shortened to nothing always satisfies.

        Arguments:
            update: (P,), the combined gradient; parameters move against it.
            protected_gradients: (M, P).
            protected_losses: (M,), at the parameters where the gradients were taken and in the same unit: if the gradients
                are of logarithms, so are the losses. M is the same at every step.

        Returns:
            (P,), on the update's device and in its type.

        Raises:
            ValueError: numbers of losses, gradients and earlier losses that differ, or a value that is not finite.
        """
        losses = protected_losses.detach().cpu().double()
        exact = protected_gradients.detach().double()
        tasks = len(self._average) if self._steps else len(losses)
        if losses.shape != (tasks,) or exact.shape != (tasks, len(update)):
            raise ValueError(f"expected {tasks} protected losses, each with a gradient of {len(update)} values")
        wanted = update.detach().double()
        gram = (exact @ exact.T).cpu().numpy()
        given = (exact @ wanted).cpu().numpy()
        if not (np.isfinite(gram).all() and np.isfinite(given).all() and losses.isfinite().all()):
            raise ValueError("a protected loss, its gradient or the update is not finite")
        # At the first step the loss is its own average, slack away from its barrier.
        average = self._average if self._steps else losses
        excess = (losses - average - self.slack).numpy()
        demands = np.minimum(self.rate * excess, self.cap * np.diag(gram))
        self._average = self.decay * average + (1 - self.decay) * losses
        self._steps += 1
        bend = torch.as_tensor(_bend(gram, given, demands, float(wanted.norm())), device=update.device)
        return (wanted + bend @ exact).to(update.dtype)

    def state(self) -> Tensor:
        """(1 + M,) float64: steps taken, and the averages; (1,) before the first. ``load_state`` resumes exactly."""
        return torch.cat([torch.tensor([self._steps], dtype=torch.float64), self._average])

    def load_state(self, state: Tensor) -> None:
        """Takes over what ``state`` gave."""
        exact = state.detach().cpu().double()
        self._steps, self._average = int(exact[0]), exact[1:].clone()


def _bend(gram: Array, given: Array, demands: Array, length: float) -> Array:
    """The (M,) multipliers of the protected gradients that the update takes on."""
    norms = np.sqrt(np.diag(gram))
    lacking = np.divide(demands - given, norms, out=np.zeros_like(norms), where=norms > 0)
    # A task whose gradient is zero cannot be helped by any step, and asks for nothing.
    shortfall = np.where(norms > 0, demands - given, 0.0)
    if lacking.max(initial=0.0) <= 0:
        return np.zeros(len(gram))
    found = multipliers(gram, shortfall, LONGEST_BEND * float(lacking.max()))
    if found is not None:
        return found
    # The zero vector satisfies this, and is as far from the update as the update is long: twice that is never too short.
    held = multipliers(gram, np.where(norms > 0, np.minimum(demands, 0.0) - given, 0.0), 2 * length)
    assert held is not None  # noqa: S101
    return held

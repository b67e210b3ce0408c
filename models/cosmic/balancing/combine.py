"""Many losses, one step: logarithm, uncertainty weights, conflict-averse gradient, dynamic barrier, each by its switch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.cosmic.balancing.cagrad import cagrad
from models.cosmic.balancing.db_mtl import DynamicBarrier, log_scaled
from models.cosmic.balancing.kendall import UncertaintyWeights
from models.cosmic.config import Balancing


class Balancer(nn.Module):
    """Turns losses (K,) into gradients on parameters.

    Arguments:
        protected: indices of the tasks that the barrier guards.
    """

    def __init__(self, switches: Balancing, tasks: int, protected: Sequence[int]) -> None:
        super().__init__()
        self._switches = switches
        self._protected = list(protected)
        self.uncertainty = UncertaintyWeights(tasks) if switches.kendall else None
        self._barrier = DynamicBarrier() if switches.barrier else None

    def backward(self, losses: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Set ``grad`` of every parameter, and of the uncertainty weights. ``losses``: K scalars, one a task."""
        values = torch.stack([loss.detach() for loss in losses]).requires_grad_()
        # log(1 + loss) in place of log(loss): the uncertainty weights need losses that are not negative.
        scaled = log_scaled(values + 1) if self._switches.log_scale else values * 1
        factors = self._factors(scaled)
        (slopes,) = torch.autograd.grad(scaled.sum(), [values])
        if not self._switches.cagrad and self._barrier is None:
            total = torch.stack(list(losses)) @ (factors * slopes)
            self._assign(torch.autograd.grad(total, parameters, allow_unused=True), parameters)
            return
        # Each task's gradient by itself, then scaled: through one weighted sum every task would cost a pass over all.
        gradients = torch.stack([_flat_gradient(loss, parameters) for loss in losses]) * slopes[:, None]
        weighted = gradients * factors[:, None]
        step = cagrad(weighted) * len(weighted) if self._switches.cagrad else weighted.sum(0)
        if self._barrier is not None:
            step = self._barrier.adjust(step, gradients[self._protected], scaled.detach()[self._protected])
        parts = step.split([parameter.numel() for parameter in parameters])
        self._assign([part.view_as(one) for part, one in zip(parts, parameters, strict=True)], parameters)

    def _factors(self, scaled: Tensor) -> Tensor:
        """(K,) weight of each task's loss by its uncertainty, whose own gradient is set here; ones without it."""
        if self.uncertainty is None:
            return torch.ones_like(scaled)
        given = scaled.detach().requires_grad_()
        own = list(self.uncertainty.parameters())
        factors, *gradients = torch.autograd.grad(self.uncertainty(given).sum(), [given, *own])
        self._assign(gradients, own)
        return factors

    def tensors(self) -> dict[str, Tensor]:
        """What has to be kept for training to go on as if it had never stopped."""
        kept = {f"balancer.{name}": value for name, value in self.state_dict().items()}
        if self._barrier is not None:
            kept["barrier"] = self._barrier.state()
        return kept

    def restore(self, tensors: dict[str, Tensor]) -> None:
        own = {name.removeprefix("balancer."): value for name, value in tensors.items() if name.startswith("balancer.")}
        self.load_state_dict(own)
        if self._barrier is not None:
            self._barrier.load_state(tensors["barrier"])

    @staticmethod
    def _assign(gradients: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> None:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient if gradient is not None else torch.zeros_like(parameter)


def _flat_gradient(loss: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """(P,); a task that does not reach a parameter has gradient zero there."""
    if not loss.requires_grad:
        return torch.zeros(sum(parameter.numel() for parameter in parameters), device=loss.device)
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return torch.cat(
        [
            (gradient if gradient is not None else torch.zeros_like(parameter)).reshape(-1)
            for parameter, gradient in zip(parameters, gradients, strict=True)
        ]
    )

"""Homoscedastic uncertainty weights of tasks.

Source: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018, equation 7.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class UncertaintyWeights(nn.Module):
    """Learns s = log sigma^2 of each of ``tasks`` tasks, from 0.

    For a fixed loss L > 0 the weighted loss is least at s = log L, where every task costs (1 + log L) / 2: what a task
    is measured in then no longer matters.
    """

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.log_variances = nn.Parameter(torch.zeros(tasks))

    def forward(self, losses: Tensor) -> Tensor:
        """(tasks,) losses to (tasks,) weighted losses, exp(-s) L / 2 + s / 2; their sum is what to minimise."""
        return (torch.exp(-self.log_variances) * losses + self.log_variances) / 2

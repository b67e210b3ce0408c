"""A small convolutional network that says at each moment which digit ends there, or none.

Depthwise separable convolutions over time (Kriman et al., "QuartzNet", ICASSP 2020), trained by connectionist temporal
classification (Graves et al., ICML 2006). A moment sees about a second around it, enough for one digit and too little
to learn which digits follow one another. About 160,000 weights.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.digits.features import BANDS, STRIDE
from models.digits.score import SYMBOLS

WIDTH, BLOCKS, KERNEL = 80, 5, 5
CHANNELS = (16, 24)


class Block(nn.Module):
    """Along time by channel, then across channels, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=width, bias=False),
            nn.BatchNorm1d(width),
            nn.Conv1d(width, 2 * width, 1),
            nn.ReLU(),
            nn.Conv1d(2 * width, width, 1, bias=False),
            nn.BatchNorm1d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class DigitNetwork(nn.Module):
    """(n, frames, 40) log-mel to (n, ceil(frames / 4), 11) log-probabilities: ten digits, and none."""

    def __init__(self, *, width: int = WIDTH) -> None:
        super().__init__()
        first, second = CHANNELS
        self.spectral = nn.Sequential(
            nn.Conv2d(1, first, 5, stride=STRIDE // 2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
        )
        self.narrow = nn.Conv1d(second * BANDS // STRIDE, width, 1)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(BLOCKS)))
        self.symbols = nn.Conv1d(width, SYMBOLS, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.spectral(x[:, None])
        x = self.narrow(x.transpose(2, 3).flatten(1, 2))
        return self.symbols(self.blocks(x).relu()).transpose(1, 2).log_softmax(2)

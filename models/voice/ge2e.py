"""The GE2E speaker encoder: three LSTM layers and a projection.

Source: Wan et al., "Generalized End-to-End Loss for Speaker Verification", ICASSP 2018; weights of Resemblyzer.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

MEL_BANDS = 40
WIDTH = 256
LAYERS = 3


class SpeakerEncoder(nn.Module):
    """(n, 160, 40) mel power to (n, 256) unit embeddings."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MEL_BANDS, WIDTH, LAYERS, batch_first=True)
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.load_state_dict({key: value for key, value in state.items() if not key.startswith("similarity")})
        self.eval()

    def forward(self, mels: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mels)
        raw = torch.relu(self.linear(hidden[-1]))
        return raw / torch.linalg.norm(raw, dim=1, keepdim=True)

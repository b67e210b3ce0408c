"""AASIST, a network that tells recorded from synthetic speech, rebuilt for the weights that its authors published.

Source: Jung, Heo, Tak, Shim, Chung, Lee, Yu and Evans, "AASIST: audio anti-spoofing using integrated spectro-temporal
graph attention networks", ICASSP 2022 (MIT weights, trained on ASVspoof 2019 LA). A bank of fixed band-pass filters
and a residual encoder (RawNet2: Tak et al., ICASSP 2021) give a map of bands against time. Its bands and its times
become the nodes of two graphs, which then meet twice in heterogeneous graphs with a node that listens to all others.
Widths come from the shapes in the state dict; what no shape shows is a constant here.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BONA_FIDE = 1
SAMPLES = 64_600
RATE = 16_000
FILTERS, TAPS = 70, 129
BLOCKS = 6
GRAPH_TEMPERATURE, MEETING_TEMPERATURE = 2.0, 100.0
# Share of nodes that stay after the spectral graph, the temporal graph, and each meeting; by the encoder's width.
KEPT = {64: (0.5, 0.7, 0.5), 24: (0.4, 0.5, 0.7)}


class Aasist(nn.Module):
    """The network whose weights are ``state``: (n, 64600) samples at 16 kHz to (n, 2) logits, class 1 bona fide.

    Raises:
        KeyError, RuntimeError: the weights are not those of AASIST or AASIST-L.
    """

    bank: Tensor

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        width = state["pos_S"].shape[2]
        spectral, temporal, met = KEPT[width]
        hidden = state["HtrgGAT_layer_ST11.att_proj.weight"].shape[0]
        self.register_buffer("bank", band_passes(), persistent=False)
        self.first_bn = nn.BatchNorm2d(1)
        # The published blocks are each wrapped in a sequence of one.
        self.encoder = nn.Sequential(*(nn.Sequential(Residual(state, f"encoder.{i}.0")) for i in range(BLOCKS)))
        self.pos_S = nn.Parameter(torch.empty_like(state["pos_S"]))
        self.GAT_layer_S, self.pool_S = GraphAttention(width, width), Pool(width, spectral)
        self.GAT_layer_T, self.pool_T = GraphAttention(width, width), Pool(width, temporal)
        for branch in (1, 2):
            self.register_parameter(f"master{branch}", nn.Parameter(torch.empty(1, 1, width)))
            self.add_module(f"HtrgGAT_layer_ST{branch}1", Meeting(width, hidden))
            self.add_module(f"HtrgGAT_layer_ST{branch}2", Meeting(hidden, hidden))
            self.add_module(f"pool_hS{branch}", Pool(hidden, met))
            self.add_module(f"pool_hT{branch}", Pool(hidden, met))
        self.out_layer = nn.Linear(5 * hidden, 2)
        self.load_state_dict({key: value for key, value in state.items() if ".bn1." not in key})
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        bands = F.conv1d(x[:, None], self.bank).abs()
        encoded = self.encoder(F.selu(self.first_bn(F.max_pool2d(bands[:, None], 3)))).abs()
        spectrum = self.pool_S(self.GAT_layer_S(encoded.amax(3).transpose(1, 2) + self.pos_S))
        times = self.pool_T(self.GAT_layer_T(encoded.amax(2).transpose(1, 2)))
        ways = [self._branch(branch, times, spectrum) for branch in (1, 2)]
        times, spectrum, master = (torch.maximum(first, second) for first, second in zip(*ways, strict=True))
        summary = (times.abs().amax(1), times.mean(1), spectrum.abs().amax(1), spectrum.mean(1), master[:, 0])
        return self.out_layer(torch.cat(summary, dim=1))

    def _branch(self, branch: int, times: Tensor, spectrum: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Two meetings of both graphs; the second adds to what the first found."""
        first, second = (getattr(self, f"HtrgGAT_layer_ST{branch}{step}") for step in (1, 2))
        times, spectrum, master = first(times, spectrum, getattr(self, f"master{branch}"))
        spectrum = getattr(self, f"pool_hS{branch}")(spectrum)
        times = getattr(self, f"pool_hT{branch}")(times)
        more_times, more_spectrum, more_master = second(times, spectrum, master)
        return times + more_times, spectrum + more_spectrum, master + more_master


class Residual(nn.Module):
    """Two convolutions over (bands, time) beside a way around them, then every third moment's maximum.

    The published blocks also carry a normalisation before the first convolution; the authors' forward pass never
    applied it, so the weights are right only without it.
    """

    def __init__(self, state: Mapping[str, Tensor], name: str) -> None:
        super().__init__()
        width, inputs = state[f"{name}.conv1.weight"].shape[:2]
        self.conv1 = nn.Conv2d(inputs, width, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, (2, 3), padding=(0, 1))
        self.conv_downsample = nn.Conv2d(inputs, width, (1, 3), padding=(0, 1)) if inputs != width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.selu(self.bn2(self.conv1(x))))
        return F.max_pool2d(out + self.conv_downsample(x), (1, 3))


class GraphAttention(nn.Module):
    """Every node gathers from all nodes (n, nodes, inputs), by how alike they are."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.att_proj = nn.Linear(inputs, width)
        self.att_weight = nn.Parameter(torch.empty(width, 1))
        self.proj_with_att, self.proj_without_att = nn.Linear(inputs, width), nn.Linear(inputs, width)
        self.bn = nn.BatchNorm1d(width)

    def forward(self, nodes: Tensor) -> Tensor:
        alike = torch.tanh(self.att_proj(nodes[:, :, None] * nodes[:, None]))
        attention = torch.softmax((alike @ self.att_weight)[..., 0] / GRAPH_TEMPERATURE, dim=2)
        return _normalised(self.bn, self.proj_with_att(attention @ nodes) + self.proj_without_att(nodes))


class Meeting(nn.Module):
    """Attention over the nodes of two graphs, with weights for each kind of pair, and a master node that only hears."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.proj_type1, self.proj_type2 = nn.Linear(inputs, inputs), nn.Linear(inputs, inputs)
        self.att_proj, self.att_projM = nn.Linear(inputs, width), nn.Linear(inputs, width)
        self.att_weight11, self.att_weight22 = nn.Parameter(torch.empty(width, 1)), nn.Parameter(torch.empty(width, 1))
        self.att_weight12, self.att_weightM = nn.Parameter(torch.empty(width, 1)), nn.Parameter(torch.empty(width, 1))
        self.proj_with_att, self.proj_without_att = nn.Linear(inputs, width), nn.Linear(inputs, width)
        self.proj_with_attM, self.proj_without_attM = nn.Linear(inputs, width), nn.Linear(inputs, width)
        self.bn = nn.BatchNorm1d(width)

    def forward(self, first: Tensor, second: Tensor, master: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = first.shape[1]
        nodes = torch.cat([self.proj_type1(first), self.proj_type2(second)], dim=1)
        gathered = self.proj_with_att(self._attention(nodes, count) @ nodes) + self.proj_without_att(nodes)
        out = _normalised(self.bn, gathered)
        return out[:, :count], out[:, count:], self._heard(nodes, master)

    def _attention(self, nodes: Tensor, count: int) -> Tensor:
        alike = torch.tanh(self.att_proj(nodes[:, :, None] * nodes[:, None]))
        above, below = alike[:, :count], alike[:, count:]
        rows = (
            torch.cat([above[:, :, :count] @ self.att_weight11, above[:, :, count:] @ self.att_weight12], dim=2),
            torch.cat([below[:, :, :count] @ self.att_weight12, below[:, :, count:] @ self.att_weight22], dim=2),
        )
        return torch.softmax(torch.cat(rows, dim=1)[..., 0] / MEETING_TEMPERATURE, dim=2)

    def _heard(self, nodes: Tensor, master: Tensor) -> Tensor:
        alike = torch.tanh(self.att_projM(nodes * master)) @ self.att_weightM
        attention = torch.softmax(alike / MEETING_TEMPERATURE, dim=1).transpose(1, 2)
        return self.proj_with_attM(attention @ nodes) + self.proj_without_attM(master)


class Pool(nn.Module):
    """Keep the share ``kept`` of nodes with the highest gate, scaled by it (Gao and Ji, "Graph U-Nets", ICML 2019)."""

    def __init__(self, width: int, kept: float) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 1)
        self.kept = kept

    def forward(self, nodes: Tensor) -> Tensor:
        gate = torch.sigmoid(self.proj(nodes))
        best = torch.topk(gate, max(int(nodes.shape[1] * self.kept), 1), dim=1).indices
        return torch.gather(nodes * gate, 1, best.expand(-1, -1, nodes.shape[2]))


def band_passes() -> Tensor:
    """(70, 1, 129) windowed-sinc filters side by side, of equal width in mel from 0 to half the sampling rate."""
    top = 2595 * torch.log10(torch.tensor(1 + RATE / 2 / 700, dtype=torch.float64))
    edges = 700 * (10 ** (torch.linspace(0, 1, FILTERS + 1, dtype=torch.float64) * top / 2595) - 1)
    time = torch.arange(TAPS, dtype=torch.float64) - TAPS // 2
    below = 2 * edges[:, None] / RATE
    low_passes = below * torch.sinc(below * time)
    bank = (low_passes[1:] - low_passes[:-1]) * torch.hamming_window(TAPS, periodic=False, dtype=torch.float64)
    return bank[:, None].float()


def _normalised(norm: nn.BatchNorm1d, nodes: Tensor) -> Tensor:
    return F.selu(norm(nodes.transpose(1, 2)).transpose(1, 2))

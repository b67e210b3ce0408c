"""Vision transformer, the backbone of the optional face gate.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021), in the sizes of Touvron et al., "Training data-efficient
image transformers" (ICML 2021): patch embedding, class token, learned positions, pre-norm blocks. Stochastic depth after
Huang et al., "Deep Networks with Stochastic Depth" (ECCV 2016). Attention by PyTorch's fused kernel.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.liveness.dino_crops import DEVIATION, MEAN

PUBLISHED_START = 0.02
NORM_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class VitConfig:
    """Shape of the network; the defaults are ViT-S/16 at 224 pixels.

    Arguments:
        image: side of the square pictures that the positions are learned on, in pixels; a multiple of ``patch``.
        patch: side of a patch in pixels.
        width, depth, heads: of the blocks; ``heads`` divides ``width``.
        hidden: width inside a block's perceptron, in widths.
        drop_path: share of residual branches that training leaves out in the last block; it grows with the depth.
        start: deviation of the weights before training. A network much narrower than the published ones needs more, or
            the class token starts as the same for all pictures.
    """

    image: int = 224
    patch: int = 16
    width: int = 384
    depth: int = 12
    heads: int = 6
    hidden: float = 4.0
    drop_path: float = 0.0
    start: float = PUBLISHED_START

    def __post_init__(self) -> None:
        if min(self.image, self.patch, self.width, self.depth, self.heads) < 1:
            raise ValueError("image, patch, width, depth and heads are counted from 1")
        if self.image % self.patch or self.width % self.heads:
            raise ValueError("patch must divide image, and heads must divide width")
        if not 0 <= self.drop_path < 1:
            raise ValueError("drop_path is a share below 1")


SIZES = {"tiny": VitConfig(width=192, heads=3), "small": VitConfig(width=384, heads=6)}


class Attention(nn.Module):
    """Self-attention over (n, tokens, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        qkv = self.qkv(x).reshape(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
        return self.out(mixed.transpose(1, 2).reshape(n, tokens, width))


class DropPath(nn.Module):
    """In training leaves the whole branch out for a share of the pictures, and makes up for it in the others."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return x
        kept = torch.rand(x.shape[0], 1, 1, device=x.device) >= self.share
        return x * kept / (1 - self.share)


class Block(nn.Module):
    def __init__(self, config: VitConfig, drop_path: float) -> None:
        super().__init__()
        hidden = round(config.width * config.hidden)
        self.norm1 = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.attention = Attention(config.width, config.heads)
        self.norm2 = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.mlp = nn.Sequential(nn.Linear(config.width, hidden), nn.GELU(), nn.Linear(hidden, config.width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attention(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class VisionTransformer(nn.Module):
    """Pictures (n, 3, height, width), normalised, to class tokens (n, config.width).

    Sides may be any multiples of the patch: positions are interpolated to them (DINO's small crops need that).
    """

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        grid = config.image // config.patch
        self.patches = nn.Conv2d(3, config.width, config.patch, config.patch)
        self.class_token = nn.Parameter(torch.empty(1, 1, config.width))
        self.positions = nn.Parameter(torch.empty(1, 1 + grid * grid, config.width))
        shares = torch.linspace(0, config.drop_path, config.depth).tolist()
        self.blocks = nn.ModuleList(Block(config, share) for share in shares)
        self.norm = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        nn.init.trunc_normal_(self.class_token, std=PUBLISHED_START)
        nn.init.trunc_normal_(self.positions, std=PUBLISHED_START)
        start_linear(self, config.start)

    def forward(self, x: Tensor) -> Tensor:
        patch = self.config.patch
        height, width = x.shape[2:]
        if height % patch or width % patch:
            raise ValueError(f"a picture of {height}x{width} pixels has no whole patches of {patch}")
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(x.shape[0], -1, -1), tokens], 1)
        tokens = tokens + self.positions_for(height // patch, width // patch)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 0]

    def positions_for(self, rows: int, columns: int) -> Tensor:
        """(1, 1 + rows * columns, width) positions of a grid: the learned ones, bicubic between them."""
        grid = self.config.image // self.config.patch
        if (rows, columns) == (grid, grid):
            return self.positions
        learned = self.positions[:, 1:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
        between = F.interpolate(learned, size=(rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([self.positions[:, :1], between.permute(0, 2, 3, 1).flatten(1, 2)], 1)

    @torch.no_grad()
    def at_size(self, image: int) -> VisionTransformer:
        """A copy whose own size is ``image`` pixels, so that nothing is interpolated any more when it runs."""
        other = VisionTransformer(replace(self.config, image=image))
        side = image // self.config.patch
        other.load_state_dict({**self.state_dict(), "positions": self.positions_for(side, side)})
        return other.train(self.training)


class VitGate(nn.Module):
    """Pictures (n, 3, size, size), RGB 0 to 255, to (n,) logits of bona fide: scaling, backbone, one linear layer."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, backbone: VisionTransformer) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.config.width, 1)
        for name, values in (("mean", MEAN), ("deviation", DEVIATION)):
            self.register_buffer(name, 255 * torch.tensor(values).view(3, 1, 1), persistent=False)
        start_linear(self.head)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.tokens(pixels))[:, 0]

    def tokens(self, pixels: Tensor) -> Tensor:
        """(n, width) class tokens."""
        return self.backbone((pixels - self.mean) / self.deviation)


def start_linear(module: nn.Module, deviation: float = PUBLISHED_START) -> None:
    """Linear layers as both papers start them: weights narrow and truncated, biases at zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)


# Beginnings of names in the weights that DINO's authors publish, and ours.
PUBLISHED_NAMES = {
    "cls_token": "class_token",
    "pos_embed": "positions",
    "patch_embed.proj.": "patches.",
    "attn.qkv.": "attention.qkv.",
    "attn.proj.": "attention.out.",
    "mlp.fc1.": "mlp.0.",
    "mlp.fc2.": "mlp.2.",
}
PUBLISHED_HEAD_WIDTH = 64


def published_vit(state: dict[str, Tensor]) -> VisionTransformer:
    """The network of weights as DINO's authors publish them (``dino_deitsmall16_pretrain.pth`` and its sisters).

    Raises:
        ValueError: the weights belong to another kind of network.
    """
    renamed = {}
    for name, value in state.items():
        for theirs, ours in PUBLISHED_NAMES.items():
            name = name.replace(theirs, ours)
        renamed[name] = value
    try:
        width, _, patch, _ = renamed["patches.weight"].shape
        config = VitConfig(
            image=patch * math.isqrt(renamed["positions"].shape[1] - 1),
            patch=patch,
            width=width,
            depth=sum(name.endswith(".norm1.weight") for name in renamed),
            heads=width // PUBLISHED_HEAD_WIDTH,
            hidden=renamed["blocks.0.mlp.0.weight"].shape[0] / width,
        )
    except KeyError as error:
        raise ValueError(f"these are no published weights of a vision transformer: {error} is missing") from error
    return vit_from(asdict(config), renamed)


def vit_from(values: dict[str, Any], state: dict[str, Tensor]) -> VisionTransformer:
    """The network of a configuration and a state as stored, in evaluation mode.

    Raises:
        ValueError: the configuration is none, or the state belongs to a network of another shape.
    """
    try:
        model = VisionTransformer(VitConfig(**values))
        model.load_state_dict(state)
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"this is no vision transformer of ours: {error}") from error
    return model.eval()

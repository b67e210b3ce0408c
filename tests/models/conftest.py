"""Networks here are tiny: one thread is quicker than two, and gives the same bits every time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def one_thread_each() -> Iterator[None]:
    """PyTorch's own threads, and those of the linear algebra under NumPy and SciPy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        yield
    torch.set_num_threads(before)

"""What several of the engine's tests use."""

import pytest
import torch


@pytest.fixture
def one_thread():
    """Pictures this small are slower, and on a busy machine far slower, on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

import pytest

from cardiac.metrics import wilson


@pytest.mark.parametrize(("hits", "n", "bounds"), [(0, 10, (0.0, 0.278)), (5, 10, (0.237, 0.763)), (0, 0, (0.0, 1.0))])
def test_intervals_of_shares(hits, n, bounds):
    """Wilson's, as tables of it give them."""
    assert wilson(hits, n) == pytest.approx(bounds, abs=0.001)

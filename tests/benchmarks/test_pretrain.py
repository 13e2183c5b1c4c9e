"""Pre-training: frames are written back in their order, and what was seen costs nothing."""

import torch

from benchmarks.pretrain import FLAT_MV, FillingIn, filling_loss


class Frames(torch.nn.Module):
    """A trunk whose frame holds its own samples: 4 of each of 12 leads."""

    def frames(self, signals):
        b, n_leads, n = signals.shape
        return signals.reshape(b, n_leads, n // 4, 4).transpose(2, 3).reshape(b, n_leads * 4, n // 4)


def test_samples_are_written_in_their_places():
    network = FillingIn(Frames(), 12, 4, 48)
    with torch.no_grad():
        network.write.weight.copy_(torch.eye(48)[:, :, None])
        network.write.bias.zero_()
    signals = torch.randn(3, 12, 40)
    assert torch.equal(network(signals), signals)


def test_only_what_was_hidden_is_asked_for():
    sections, hidden = torch.randn(2, 12, 40), torch.zeros(2, 12, 40, dtype=torch.bool)
    hidden[0, 3, 5:10] = True
    expected = sections / (sections.std(dim=2, keepdim=True) + FLAT_MV)
    seen = []

    def network(given):
        seen.append(given)
        return torch.where(hidden, expected + 2.0, 99.0)

    assert torch.isclose(filling_loss(network, (sections, hidden)), torch.tensor(4.0))
    assert (seen[0][hidden] == 0).all()
    assert torch.equal(seen[0][~hidden], sections[~hidden])

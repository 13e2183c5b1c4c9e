import numpy as np

from cardiac.signals import SignalSpec, prepare_signal
from tasks.mi.gains import TYPICAL_MV, restore_gains


def test_lost_gains_are_made_up_as_the_leads_hang_together(inferior):
    """Of the limb leads up to a common gain; of the chest leads as typical."""
    signal = prepare_signal(inferior.record.signal, 500, SignalSpec(500.0, (0.5, 45.0))).astype(float)
    restored = restore_gains(signal / signal.std(axis=1, keepdims=True))
    assert restored.dtype == np.float32
    gains = restored.std(axis=1) / signal.std(axis=1)
    assert np.ptp(gains[:6]) / gains[:6].mean() < 0.05
    assert np.allclose(restored[2], restored[1] - restored[0], atol=0.02)
    assert np.allclose(restored.std(axis=1)[6:], TYPICAL_MV[6:], rtol=1e-4)

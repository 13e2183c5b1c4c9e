"""The heart as one dipole: what each lead sees of it, and the twelve leads from the eight that are independent."""

import numpy as np

# What a dipole (left, down, back) shows in each independent lead (Dower et al. 1980, Clin. Cardiol. 3:87).
DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)

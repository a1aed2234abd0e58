import numpy as np
from scipy.signal import sosfilt

from benchmark.data.synthesiser import BLOCK, _resonators, _time_varying


def test_the_filter_is_scipys_with_its_state_carried_from_block_to_block():
    random = np.random.default_rng(0)
    sections = np.stack([_resonators(random.uniform(200, 4000, 9), random.uniform(40, 90, 9)) for _ in range(3)], 1)
    x = random.standard_normal(9 * BLOCK)
    state, expected = np.zeros((3, 2)), np.empty_like(x)
    for number, resonators in enumerate(sections):
        block = slice(number * BLOCK, (number + 1) * BLOCK)
        second_order = [(gain, 0, 0, 1, a1, a2) for gain, a1, a2 in resonators]
        expected[block], state = sosfilt(second_order, x[block], zi=state)
    np.testing.assert_allclose(_time_varying(sections, x), expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())

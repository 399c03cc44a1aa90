"""Random streams: one per ensemble member and purpose.

Every ensemble member owns one independent stream per purpose (teacher, data, start, batches, ...), so that a
member's numbers do not depend on what else is in its ensemble.
"""

from zlib import crc32

import numpy as np


def stream(seed: int, purpose: str, *key: int) -> np.random.Generator:
    """The random generator of one seed for one purpose; ``key`` gives further streams (a width, a size).

    raises      ValueError for a negative seed, or a key below 1 (numpy takes a trailing 0 for no key at all).
    """
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    if min(key, default=1) < 1:
        raise ValueError(f"the keys of a stream must be at least 1, got {key}")
    return np.random.default_rng([seed, crc32(purpose.encode()), *key])

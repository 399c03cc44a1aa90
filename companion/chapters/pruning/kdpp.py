"""k-DPPs: subsets S of k items, with probability det(L_S) / e_k of a positive semidefinite kernel L.

Few items have few subsets, and all probabilities are computed. The sampler is for many items. It is our own
for three reasons: ``dppy`` 0.3.3, the well-known library, overflows for a few hundred items (its table of e_k
is not scaled), takes only numpy's legacy generators, and draws one set at a time. They were derived in
Kulesza and Taskar, *Determinantal point processes for machine learning*, 2012, section 5.2.
"""

from itertools import combinations

import numpy as np

MOST_ITEMS = 14  # 2^14 subsets: a second
RANK = 1e-12  # eigenvalues below this share of the largest one count as 0


def subsets(items: int, size: int) -> np.ndarray:
    """All subsets of a size, in lexicographic order: ``(number, size)``.

    raises      ValueError for a size outside 1..items, and for more items than can be enumerated.
    """
    _check_size(items, size)
    if items > MOST_ITEMS:
        raise ValueError(
            f"items must be at most {MOST_ITEMS} for all subsets, got {items}; draw some instead"
        )
    return np.array(list(combinations(range(items), size)))


def probabilities(kernel: np.ndarray, size: int) -> np.ndarray:
    """Probability of each of :func:`subsets`: ``(..., n, n)`` to ``(..., number)``.

    raises      ValueError where the kernel has a rank below ``size``: no subset has a positive determinant.
    """
    chosen = subsets(kernel.shape[-1], size)
    values = np.linalg.eigvalsh(kernel)
    _check_rank(values > RANK * values.max(-1, keepdims=True), size)
    blocks = kernel[..., chosen[:, :, None], chosen[:, None, :]]
    sign, log = np.linalg.slogdet(blocks)
    log = np.where(sign > 0, log, -np.inf)  # rounding
    weights = np.exp(log - log.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def log_elementary(log_values: np.ndarray, size: int) -> np.ndarray:
    """Logarithms of the elementary symmetric polynomials of the first j values: ``(..., n + 1, size + 1)``.

    Entry (j, l) is log e_l of the first j; by logarithms nothing overflows, however wide the spectrum.
    """
    *lead, items = log_values.shape
    table = np.full((*lead, items + 1, size + 1), -np.inf)
    table[..., 0, 0] = 0
    for j in range(items):
        table[..., j + 1, :] = table[..., j, :]
        with_j = log_values[..., j, None] + table[..., j, :-1]
        table[..., j + 1, 1:] = np.logaddexp(table[..., j, 1:], with_j)
    return table


def draw_diagonal(weights: np.ndarray, size: int, uniforms: np.ndarray) -> np.ndarray:
    """Draws from k-DPPs with diagonal kernels: items stay independently, given that ``size`` of them do.

    weights     ``(..., n)``, at least 0, at least ``size`` of them positive.
    uniforms    ``(draws, ..., n)`` numbers in [0, 1), one for each decision.
    returns     bool like ``uniforms``: which items stay.
    raises      ValueError for a size outside 1..n, or fewer positive weights.
    """
    _check_size(weights.shape[-1], size)
    _check_rank(weights > 0, size)
    with np.errstate(divide="ignore"):
        logs = np.log(weights)
    table = log_elementary(logs, size)
    left = np.full(uniforms.shape[:-1], size)
    kept = np.zeros(uniforms.shape, dtype=bool)
    at = lambda j, l: np.take_along_axis(
        np.broadcast_to(table[..., j, :], (*l.shape, size + 1)), l[..., None], -1
    )[..., 0]
    for j in range(weights.shape[-1] - 1, -1, -1):
        some = left > 0
        chance = np.exp(logs[..., j] + at(j, np.maximum(left - 1, 0)) - at(j + 1, left))
        kept[..., j] = some & (uniforms[..., j] < chance)
        left = left - kept[..., j]
    return kept


Spectrum = tuple[np.ndarray, np.ndarray]
"""Eigenvalues ``(..., n)``, ascending, and eigenvectors ``(..., n, n)`` of a kernel, of ``eigh``."""


def draw(spectrum: Spectrum, size: int, uniforms: np.ndarray) -> np.ndarray:
    """Draws from k-DPPs: some eigenvectors are drawn, then items of the projection onto their span.

    spectrum    of the kernel, which is of rank at least ``size``.
    uniforms    ``(draws, ..., n + size)`` numbers in [0, 1), per eigenvector, then per item that stays.
    returns     bool ``(draws, ..., n)``: which items stay.
    raises      ValueError for a size outside 1..n, or a lower rank.
    """
    values, vectors = spectrum
    n = values.shape[-1]
    _check_size(n, size)
    values = np.where(values > RANK * values[..., -1:], values, 0)
    chosen = draw_diagonal(values, size, uniforms[..., :n])
    columns = np.argsort(~chosen, axis=-1, kind="stable")[..., :size]
    span = np.take_along_axis(
        np.broadcast_to(vectors, (*chosen.shape[:-1], n, n)), columns[..., None, :], axis=-1
    )
    return _draw_projection(span, uniforms[..., n:])


def _draw_projection(span: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Items one after the other, with chances that are squared distances of rows of ``span (..., n, k)`` from
    the rows drawn before (Gram-Schmidt): bool ``(..., n)``.
    """
    *lead, n, k = span.shape
    span = span.reshape(-1, n, k)
    each, uniforms = np.arange(len(span)), uniforms.reshape(-1, k)
    left, known = np.square(span).sum(2), np.zeros_like(span)
    kept = np.zeros(left.shape, dtype=bool)
    for step in range(k):
        total = np.cumsum(np.where(kept, 0, np.maximum(left, 0)), axis=1)
        item = (total <= uniforms[:, step, None] * total[:, -1:]).sum(1)
        item = np.minimum(item, n - 1)
        inner = span @ span[each, item][:, :, None] - known[..., :step] @ known[each, item, :step][:, :, None]
        known[..., step] = inner[..., 0] / np.sqrt(left[each, item])[:, None]
        left = left - np.square(known[..., step])
        kept[each, item] = True
    return kept.reshape(*lead, n)


def _check_size(items: int, size: int) -> None:
    if not 1 <= size <= items:
        raise ValueError(f"size must lie in 1..{items} (the items), got {size}")


def _check_rank(positive: np.ndarray, size: int) -> None:
    rank = positive.sum(-1).min()
    if rank < size:
        raise ValueError(f"a k-DPP of {size} items needs a kernel of at least that rank, got {rank}")

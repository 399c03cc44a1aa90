"""What a student minimizes beside its cross-entropy, a function for each way to transfer."""

from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, normalize, softmax

from companion.experiments.small_convnets import unfold


def labels_loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy ``(e,)`` of outputs ``(e, b, c)`` with labels ``(e, b)``, mean over samples."""
    return cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape).mean(1)


def soft_labels_loss(outputs: Tensor, target: Tensor, temperature: float) -> Tensor:
    """T^2 KL(softmax(target / T) || softmax(outputs / T)), ``(e,)``: mean over samples.

    source      Hinton, Vinyals and Dean 2015; T^2 keeps the gradient's size whatever the temperature.
    """
    p = softmax(target / temperature, -1)
    gap = log_softmax(target / temperature, -1) - log_softmax(outputs / temperature, -1)
    return temperature**2 * (p * gap).sum(-1).mean(-1)


def directions(maps: Tensor, members: int) -> Tensor:
    """Each sample's map ``(b, e c, h, w)`` flattened and of norm 1: ``(e, b, c h w)``."""
    return normalize(unfold(maps, members).flatten(2), dim=2)


def factor_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over entries of |F_T / ||F_T|| - F_S / ||F_S|||, ``(e,)``: the released loss, but for its weight.

    student, teacher    directions ``(e, b, entries)``.
    source              released code; the paper's p-norm with p = 1 is that many entries times as much.
    """
    return (student - teacher).abs().mean((1, 2))


def attention(maps: Tensor, members: int) -> Tensor:
    """Where a layer is active: mean over channels of the squares, flattened and of norm 1, ``(e, b, h w)``.

    source      Zagoruyko and Komodakis 2017.
    """
    return normalize(unfold(maps, members).square().mean(2).flatten(2), dim=2)


def attention_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over entries of the squared difference of attention maps, ``(e,)``, as released."""
    return (student - teacher).square().mean((1, 2))

r"""Cluster routing of ADL and AdaptDHM: assign rows to the nearest of several moving centres.

Reference:
    Jinyun Li et al. "AdaptDHM: Adaptive Distribution Hierarchical Model for Multi-Domain CTR
    Prediction." 2022. https://arxiv.org/abs/2211.12105
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from recbole_llm4msr.util.collectives import of_first_process, sum_of_processes


class ClusterRouting(nn.Module):
    r"""Assign every row to the nearest of K centres; the centres move only in training.

    .. math::
        r_{ij} = \mathrm{softmax}_j(\cos(x_i, c_j) / \tau), \qquad
        c_j \leftarrow \frac{\beta c_j + (1 - \beta) m_j}{\|\beta c_j + (1 - \beta) m_j\|}, \qquad
        m_j \propto \sum_i r_{ij} x_i

    The routing is learnt without gradients. The centres are buffers: in evaluation a row is
    assigned by the stored centres and does not depend on its batch. Adapted in three points. To
    keep the centres from collapsing into one, the similarity is the cosine over a temperature (the
    inner products of new embeddings are so small that the softmax is uniform), and the first
    training batch places the centres on rows that lie far from each other. The sum of the rows is
    normalised before it moves a centre, since a large batch would otherwise replace the old centre.
    All processes of a distributed run have the same centres: initially those of rank 0, then moved
    by the rows of all processes. This module exchanges them itself, without the trainer.

    Args:
        config: Configuration; reads ``n_clusters`` (K), ``routing_rate`` (:math:`\beta`),
            ``routing_iterations`` (in a training batch) and ``routing_temperature``
            (:math:`\tau`).
        size: Width of the rows, D.

    Raises:
        ValueError: One of these options is out of range.
    """

    def __init__(self, config, size: int) -> None:
        super().__init__()
        n_clusters, self.rate = config["n_clusters"], config["routing_rate"]
        self.iterations = config["routing_iterations"]
        self.temperature = config["routing_temperature"]
        for key, is_valid, expected in (
            ("n_clusters", n_clusters >= 1, "1 or more"),
            ("routing_rate", 0 <= self.rate <= 1, "between 0 and 1"),
            ("routing_iterations", self.iterations >= 1, "1 or more"),
            ("routing_temperature", self.temperature > 0, "above 0"),
        ):
            if not is_valid:
                raise ValueError(f"{key}: {config[key]} is not {expected}")
        self.register_buffer("centres", F.normalize(torch.randn(n_clusters, size), dim=1))
        self.register_buffer("placed", torch.tensor(False))

    def place(self, rows: torch.Tensor) -> torch.Tensor:
        """Choose centres from ``rows`` (B, D): each is the row least similar to those before it."""
        chosen = [rows.mean(dim=0) @ rows.T]  # the first is the row least similar to the mean
        centres = []
        for _ in range(min(len(self.centres), len(rows))):
            nearest = torch.stack(chosen).amax(dim=0)  # (B,)
            centres.append(rows[nearest.argmin()])
            chosen = [centre @ rows.T for centre in centres]
        return torch.cat([torch.stack(centres), self.centres[len(centres) :]])

    def coefficients(self, rows: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
        """Distribution coefficients r of normalised rows: ``(B, D), (K, D) -> (B, K)``."""
        return torch.softmax(rows @ centres.T / self.temperature, dim=1)

    def moved(self, rows: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
        """The centres after one routing iteration over normalised ``rows``."""
        sums = sum_of_processes(self.coefficients(rows, centres).T @ rows)
        means = F.normalize(sums, dim=1)
        return F.normalize(self.rate * centres + (1 - self.rate) * means, dim=1)

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Cluster of every row, ``(B, D) -> (B,)`` in ``0 .. n_clusters - 1``."""
        with torch.autocast(x.device.type, enabled=False):
            rows = F.normalize(x.to(self.centres.dtype), dim=1)
            if self.training and len(rows):
                if not self.placed:
                    self.centres = of_first_process(self.place(rows)).to(rows.device)
                    self.placed = torch.ones_like(self.placed)
                for _ in range(self.iterations):
                    self.centres = self.moved(rows, self.centres)
            return (rows @ self.centres.T).argmax(dim=1)

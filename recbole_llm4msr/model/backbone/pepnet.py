r"""EPNet, PPNet and PEPNet: gates that personalise embeddings and hidden units.

Reference:
    Jianxin Chang et al. "PEPNet: Parameter and Embedding Personalized Network for Infusing with
    Personalized Prior Information." KDD 2023. https://arxiv.org/abs/2302.01115
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.layers.mlp import ScenarioGroups, Tower, init_weights
from recbole_llm4msr.model.registry import register_backbone


class GateNU(nn.Module):
    r"""The Gate Neural Unit, which can dampen an input or double it.

    .. math:: \delta = 2\,\sigma(W'\,\mathrm{ReLU}(W z + b) + b')

    Args:
        in_size: Width of the gate's input z.
        hidden_size: Width of its hidden layer.
        out_size: Width of what is gated.
    """

    def __init__(self, in_size: int, hidden_size: int, out_size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_size, hidden_size)
        self.out = nn.Linear(hidden_size, out_size)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """``(B, in_size) -> (B, out_size)``, values between 0 and 2."""
        return 2 * torch.sigmoid(self.out(torch.relu(self.hidden(z))))


class EmbeddingGate(nn.Module):
    r"""EPNet's part: the scenario selects among the embeddings.

    .. math:: O_{ep} = \delta(e_s \oplus \oslash(x)) \otimes x

    :math:`\oslash` stops the gradient: the gate reads the embeddings without moving them.

    Args:
        n_scenarios: Number of scenarios.
        embedding_size: Width of a scenario's embedding e_s.
        size: Width of the embedded rows x.
        hidden_size: Width of the gate's hidden layer.
    """

    def __init__(self, n_scenarios: int, embedding_size: int, size: int, hidden_size: int) -> None:
        super().__init__()
        self.scenario_embedding = nn.Embedding(n_scenarios, embedding_size)
        self.gate = GateNU(embedding_size + size, hidden_size, size)

    def forward(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """``(B, D), (B,) -> (B, D)``."""
        return self.gate(torch.cat([self.scenario_embedding(scenario), x.detach()], dim=1)) * x


class PersonalizedTowers(nn.Module):
    r"""PPNet's part: a tower per scenario, the input of every layer gated.

    .. math::
        H^{(l+1)} = f(W_s^{(l)} (\delta_s^{(l)} \otimes H^{(l)}) + b_s^{(l)}), \qquad
        \delta^{(l)} = \mathrm{GateNU}^{(l)}(O_{prior} \oplus \oslash(H^{(0)}))

    The gates' hidden layers are shared by all scenarios; a row runs its own scenario's outputs.

    Args:
        n_scenarios: Number of scenarios, S.
        prior_size: Width of the prior, the embeddings of the ids.
        size: Width of the towers' input.
        hidden_sizes: Widths of a tower's hidden layers.
        gate_hidden_size: Width of a gate's hidden layer.
        dropout: Dropout probability before every layer but the last.
    """

    def __init__(
        self,
        n_scenarios: int,
        prior_size: int,
        size: int,
        *,
        hidden_sizes: list[int],
        gate_hidden_size: int,
        dropout: float,
    ) -> None:
        super().__init__()
        sizes = [size, *hidden_sizes, 1]
        # The hidden layers of the gates of all layers side by side.
        self.gate_hidden = nn.Linear(prior_size + size, (len(sizes) - 1) * gate_hidden_size)
        self.gate_out = nn.ModuleList(
            nn.ModuleList(nn.Linear(gate_hidden_size, i) for i in sizes[:-1])
            for _ in range(n_scenarios)
        )
        self.layers = nn.ModuleList(
            nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes)) for _ in range(n_scenarios)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, prior: torch.Tensor, groups: ScenarioGroups) -> torch.Tensor:
        """``(B, size), (B, prior_size) -> (B,)``."""
        codes = torch.relu(self.gate_hidden(torch.cat([prior, x.detach()], dim=1)))
        rows = zip(groups.split(x), groups.split(codes), strict=True)
        return groups.merge(self._tower(s, h, code) for s, (h, code) in enumerate(rows))

    def _tower(self, s: int, h: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Rows ``h`` (B_s, size) of scenario ``s``, their gates' hidden layers (B_s, L * G)."""
        *hidden, last = zip(
            self.layers[s], self.gate_out[s], codes.chunk(len(self.layers[s]), dim=1), strict=True
        )
        for layer, gate, code in hidden:
            h = torch.relu(layer(self.dropout(2 * torch.sigmoid(gate(code)) * h)))
        layer, gate, code = last
        return layer(2 * torch.sigmoid(gate(code)) * h).squeeze(-1)


@register_backbone
class EPNet(MultiScenarioRecommender):
    r"""Embedding Personalized Network: embeddings gated by the scenario, then one network.

    .. math:: \mathrm{logit} = \mathrm{MLP}(\delta(e_s \oplus \oslash(x)) \otimes x)

    The paper's domain features are here the embedding :math:`e_s` of the scenario; statistics of
    users and items per scenario, where a data set has them, are fields of x like any other.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.gate_hidden_size = config["gate_hidden_size"]
        self.dropout_prob = config["dropout_prob"]

        # define layers and loss
        self.embedding_gate = EmbeddingGate(
            self.n_scenarios, self.embedding_size, self.input_size, self.gate_hidden_size
        )
        self.tower = Tower(self.input_size, self.mlp_hidden_size, self.dropout_prob)

        # parameters initialization
        self.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        return self.tower(self.embedding_gate(x, scenario))


@register_backbone
class PPNet(MultiScenarioRecommender):
    r"""Parameter Personalized Network: towers whose hidden units a user's and an item's id gate.

    .. math:: \mathrm{logit} = \mathrm{towers}_s(x;\, O_{prior})

    with :math:`O_{prior}` the embeddings of ``prior_fields``. As in the paper they are trained
    through the gates, and only the rest of a gate's input has its gradient stopped. A tower of the
    paper belongs to a task, here to a scenario.

    Raises:
        ValueError: ``prior_fields`` names what is no field of the model.
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # load parameters info
        self.mlp_hidden_size = config["mlp_hidden_size"]
        self.gate_hidden_size = config["gate_hidden_size"]
        self.dropout_prob = config["dropout_prob"]
        self.prior_fields = config["prior_fields"] or [
            config["USER_ID_FIELD"],
            config["ITEM_ID_FIELD"],
        ]

        # define layers and loss
        try:
            self.prior_columns = [self.columns_of(field) for field in self.prior_fields]
        except ValueError as error:
            raise ValueError(f"prior_fields: {error}") from error
        self.towers = PersonalizedTowers(
            self.n_scenarios,
            len(self.prior_fields) * self.embedding_size,
            self.input_size,
            hidden_sizes=self.mlp_hidden_size,
            gate_hidden_size=self.gate_hidden_size,
            dropout=self.dropout_prob,
        )

        # parameters initialization
        self.apply(init_weights)

    def prior(self, x: torch.Tensor) -> torch.Tensor:
        """The embeddings of the prior's fields, ``(B, D) -> (B, P)``."""
        return torch.cat([x[:, columns] for columns in self.prior_columns], dim=1)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        return self.towers(x, self.prior(x), ScenarioGroups(scenario, self.n_scenarios))


@register_backbone
class PEPNet(PPNet):
    r"""EPNet below PPNet: the scenario gates the embeddings, the ids gate the hidden units.

    .. math:: \mathrm{logit} = \mathrm{towers}_s(O_{ep};\, O_{prior})
    """

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)

        # define layers and loss
        self.embedding_gate = EmbeddingGate(
            self.n_scenarios, self.embedding_size, self.input_size, self.gate_hidden_size
        )

        # parameters initialization
        self.embedding_gate.apply(init_weights)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits, shape ``(B,)``."""
        groups = ScenarioGroups(scenario, self.n_scenarios)
        return self.towers(self.embedding_gate(x, scenario), self.prior(x), groups)

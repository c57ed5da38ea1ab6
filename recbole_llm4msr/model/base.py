"""The base class of multi-scenario models: embed rows, score them, compute loss and prediction."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import ContextRecommender

from recbole_llm4msr.model.rare_ids import share_rare_rows
from recbole_llm4msr.model.scenario_loss import ScenarioLoss


def no_logits(x: torch.Tensor) -> torch.Tensor:
    """Logits of an empty batch, ``(0, D) -> (0,)``, with a gradient path to ``x``.

    Layers are skipped: a mean over no rows (batch normalisation, a penalty) is NaN.
    """
    return x.sum(dim=1)


class MultiScenarioRecommender(ContextRecommender):
    r"""A context-aware recommender that serves several scenarios with one set of embeddings.

    A backbone is a subclass that writes its layers in ``__init__`` and one method, :meth:`score`.
    Everything else (embedding, loss, prediction) is here:

    .. math::
        x = \mathrm{embed}(row), \qquad \hat y = \sigma(\mathrm{score}(x, s))

    With embedding and scoring apart, LLM4MSR can put meta layers between them.

    Args:
        config: Configuration; reads ``SCENARIO_FIELD``, ``LABEL_FIELD`` and ``embedding_size``.
        dataset: A :class:`~recbole_llm4msr.data.MultiScenarioDataset`, for its fields and
            its number of scenarios.
    """

    #: A yaml of default values for backbones that live outside this package.
    config_file: ClassVar[Path | None] = None
    #: Whether the model has RecBole's first-order term.
    uses_first_order: ClassVar[bool] = False

    def __init__(self, config, dataset) -> None:
        if config["SCENARIO_FIELD"] is None:
            raise ValueError(
                f"{type(self).__name__} needs a configuration made by recbole_llm4msr.Config: this "
                "one has no SCENARIO_FIELD"
            )
        super().__init__(config, dataset)
        # Only factorisation machines use RecBole's first-order term; elsewhere it would be a
        # parameter of the size of the vocabulary that never gets a gradient.
        if not self.uses_first_order:
            del self.first_order_linear
        share_rare_rows(self, config, dataset)

        # load parameters info
        self.SCENARIO = config["SCENARIO_FIELD"]
        self.n_scenarios: int = dataset.scenario_num
        self.input_size: int = self.num_feature_field * self.embedding_size

        # define layers and loss
        self.loss = ScenarioLoss(config, dataset)

    def embed(self, interaction: Interaction) -> torch.Tensor:
        """Concatenate the embeddings of all fields of a row, shape ``(B, input_size)``."""
        return self.concat_embed_input_fields(interaction).flatten(start_dim=1)

    def columns_of(self, field: str) -> slice:
        """Columns of an embedded row that hold the embedding of a field.

        Raises:
            ValueError: The model does not have this field.
        """
        fields = [  # in the order of RecBole's embedding
            *self.token_seq_field_names,
            *self.token_field_names,
            *self.float_seq_field_names,
            *self.float_field_names,
        ]
        if field not in fields:
            raise ValueError(f"{field!r} is not a field of the model; it has {', '.join(fields)}")
        start = fields.index(field) * self.embedding_size
        return slice(start, start + self.embedding_size)

    def scenario_of(self, interaction: Interaction) -> torch.Tensor:
        """Scenario of every row in ``0 .. n_scenarios - 1``, shape ``(B,)``.

        RecBole reserves id 0 of every token field for padding; no row has it.
        """
        return interaction[self.SCENARIO] - 1

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Score embedded rows. A pure function; a row's logit does not depend on other rows.

        Args:
            x: Embedded rows, shape ``(B, input_size)``.
            scenario: Scenario of every row in ``0 .. n_scenarios - 1``, shape ``(B,)``.

        Returns:
            One logit a row, shape ``(B,)``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define score(x, scenario)")

    def forward(self, interaction: Interaction) -> torch.Tensor:
        """Logits of a batch, shape ``(B,)``; an empty batch skips :meth:`score`."""
        x = self.embed(interaction)  # (B, D)
        return self.score(x, self.scenario_of(interaction)) if len(x) else no_logits(x)

    def loss_of(self, logit: torch.Tensor, interaction: Interaction) -> torch.Tensor:
        """The loss of a batch given its logits, a scalar; LLM4MSR passes the sum of all its logits.

        A backbone whose paper adds a term to the binary cross entropy adds it here.
        """
        return self.loss(logit, interaction[self.LABEL], self.scenario_of(interaction))

    def batch_loss(self, logit: torch.Tensor, interaction: Interaction) -> torch.Tensor:
        """:meth:`loss_of` these logits; zero, with a gradient path, for an empty batch."""
        return self.loss_of(logit, interaction) if len(logit) else logit.sum()

    def calculate_loss(self, interaction: Interaction) -> torch.Tensor:
        """Mean binary cross entropy of the batch (on logits, so that mixed precision works)."""
        return self.batch_loss(self.forward(interaction), interaction)

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Click probabilities, shape ``(B,)``."""
        return torch.sigmoid(self.forward(interaction))

"""RecBole's own context-aware models as backbones: one adapter, and no class for each of them.

RecBole's models read an interaction from end to end: it is embedded, and what is embedded is
scored, in one ``forward``. A backbone needs the two apart, so that meta layers can stand between
them. Here an object that carries rows *already embedded* is handed to the model's own ``forward``
in the interaction's place; where the model asks for embeddings, it gets those.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import recbole
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import ContextRecommender
from recbole.model.layers import FMFirstOrderLinear
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender

#: Context-aware models of RecBole that cannot be adapted, and why.
UNFIT: dict[str, str] = {
    "FFM": "it looks fields up in one table per pair of fields, so that there is no one embedding "
    "of a row that meta layers could change",
    "KD_DAGFM": "it is trained in three phases with checkpoints between them, not by one loss",
}

_TABLES = ("token", "float", "token_seq", "float_seq")


class EmbeddedRows:
    """Rows already embedded, in the place of an interaction.

    Args:
        model: The model that reads them.
        x: Embedded rows, shape ``(B, D)``: the fields' embeddings, then the first-order term.
        has_fields: Whether ``x`` holds the fields' embeddings.
    """

    def __init__(self, model: ContextAdapter, x: torch.Tensor, has_fields: bool = True) -> None:
        self._model = model
        width = model.num_feature_field * model.embedding_size if has_fields else 0
        self._fields, self._first_order = x[:, :width], x[:, width:]
        self.asked: set[str] = set()

    @property
    def fields(self) -> torch.Tensor:
        """Embeddings of the fields, shape ``(B, num_feature_field, embedding_size)``."""
        self.asked.add("fields")
        model = self._model
        return self._fields.reshape(-1, model.num_feature_field, model.embedding_size)

    @property
    def first_order(self) -> torch.Tensor:
        """The first-order term, shape ``(B, 1)``."""
        self.asked.add("first_order")
        return self._first_order

    def __getitem__(self, field: str) -> torch.Tensor:
        raise ValueError(
            f"{type(self._model).__name__} cannot be a backbone: it reads the field {field!r} of "
            "the interaction by itself, past the embeddings that meta layers change"
        )


class _FirstOrder(FMFirstOrderLinear):
    """RecBole's first-order term, which knows rows already embedded."""

    def forward(self, interaction: Interaction | EmbeddedRows) -> torch.Tensor:
        if isinstance(interaction, EmbeddedRows):
            return interaction.first_order
        return super().forward(interaction)


class _WithLogits:
    """A model as its own ``calculate_loss`` sees it, but for logits that are given."""

    def __init__(self, model: ContextAdapter, logits: torch.Tensor, scenario: torch.Tensor) -> None:
        self._model = model
        self.forward = lambda interaction: logits
        self.loss = lambda logits, label: model.loss(logits, label, scenario)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class ContextAdapter(MultiScenarioRecommender):
    """A context-aware model of RecBole between :meth:`embed` and :meth:`score`.

    :func:`adapt` makes a subclass of this class and of the model's, so that the layers, their
    names and the random numbers they start from are the model's own. What the model does not read
    (the first-order term in DCN, the embeddings in LR) is left out of ``x``, and has no parameters.

    The scenario is a token field like any other here: these models know it as a feature.

    Raises:
        ValueError: The model reads fields past RecBole's embedding of them.
    """

    #: The class of RecBole that is adapted.
    plain: ClassVar[type[ContextRecommender]]
    uses_first_order = True

    def __init__(self, config, dataset) -> None:
        super().__init__(config, dataset)
        self.first_order_linear.__class__ = _FirstOrder  # the same parameters
        # A few models end their forward in a sigmoid (DCNV2); score gives logits.
        self.sigmoid = nn.Identity()
        self._keep_plain_tensors()
        self._read = self._what_is_read()
        self.input_size = self.num_feature_field * self.embedding_size * ("fields" in self._read)
        self.input_size += "first_order" in self._read
        self._drop_what_is_not_read()

    def _keep_plain_tensors(self) -> None:
        """Make parameters of tensors that ask for gradients and are none.

        FwFM holds its weights of field pairs so; no optimiser and no checkpoint sees them there.
        """
        for name, value in list(vars(self).items()):
            if isinstance(value, torch.Tensor) and value.requires_grad:
                delattr(self, name)
                setattr(self, name, nn.Parameter(value.detach()))

    @torch.no_grad()
    def _what_is_read(self) -> frozenset[str]:
        """Which parts of an embedded row the model's ``forward`` asks for, found by running it."""
        self.to(self.device).eval()  # some of RecBole's layers are on that device already
        width = self.num_feature_field * self.embedding_size + 1
        rows = EmbeddedRows(self, torch.zeros(2, width, device=self.device))
        self.plain.forward(self, rows)
        self.train()
        return frozenset(rows.asked)

    def _drop_what_is_not_read(self) -> None:
        unread = []
        if "first_order" not in self._read:
            unread.append("first_order_linear")
        if "fields" not in self._read:
            unread += [f"{kind}_embedding_table" for kind in _TABLES]
        for name in unread:
            self._modules.pop(name, None)

        def forget(module, state, prefix, *rest) -> None:
            """Let a checkpoint of the plain model, which has these parameters, be loaded."""
            for key in list(state):
                if key.startswith(tuple(f"{prefix}{name}." for name in unread)):
                    del state[key]

        self.register_load_state_dict_pre_hook(forget)

    def embed_input_fields(self, interaction: Interaction | EmbeddedRows):
        """RecBole's embedding of the fields, which knows rows already embedded."""
        if not isinstance(interaction, EmbeddedRows):
            return super().embed_input_fields(interaction)
        sparse = len(self.token_seq_field_names) + len(self.token_field_names)
        parts = interaction.fields.split([sparse, self.num_feature_field - sparse], dim=1)
        return tuple(part if part.shape[1] else None for part in parts)

    def embed(self, interaction: Interaction) -> torch.Tensor:
        """Concatenate what the model reads of a row, shape ``(B, input_size)``."""
        parts = []
        if "fields" in self._read:
            parts.append(super().embed(interaction))
        if "first_order" in self._read:
            parts.append(self.first_order_linear(interaction))
        return torch.cat(parts, dim=1)

    def score(self, x: torch.Tensor, scenario: torch.Tensor) -> torch.Tensor:
        """Logits of the model's own ``forward``, shape ``(B,)``."""
        logits = self.plain.forward(self, EmbeddedRows(self, x, "fields" in self._read))
        return logits.view(x.shape[0])  # DSSM squeezes a single row away

    def loss_of(self, logit: torch.Tensor, interaction: Interaction) -> torch.Tensor:
        """The model's own loss on given logits, its penalties on parameters included."""
        model = _WithLogits(self, logit, self.scenario_of(interaction))
        return self.plain.calculate_loss(model, interaction)


def adapt(plain: type[ContextRecommender]) -> type[ContextAdapter]:
    """Make a backbone of a context-aware model: of RecBole's, or written as RecBole's are.

    That is: ``forward`` embeds by ``embed_input_fields`` or ``concat_embed_input_fields`` and by
    ``first_order_linear``, and returns logits, or what ``self.sigmoid`` makes of them.

    Raises:
        TypeError: It is no context-aware model.
        ValueError: It cannot be a backbone; the message says why.
    """
    if not issubclass(plain, ContextRecommender):
        raise TypeError(f"{plain.__name__} is not one of RecBole's context-aware models")
    if plain.__name__ in UNFIT:
        raise ValueError(f"{plain.__name__} cannot be a backbone: {UNFIT[plain.__name__]}")
    options = Path(recbole.__file__).parent / "properties" / "model" / f"{plain.__name__}.yaml"
    return type(
        plain.__name__,
        (ContextAdapter, plain),
        {
            "plain": plain,
            "config_file": options if options.is_file() else None,
            "__module__": __name__,
            "__doc__": f"RecBole's {plain.__name__} as a backbone.",
        },
    )

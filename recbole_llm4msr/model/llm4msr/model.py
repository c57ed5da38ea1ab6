r"""LLM4MSR: knowledge of a large language model around any multi-scenario backbone.

Reference:
    Yuhao Wang et al. "LLM4MSR: An LLM-Enhanced Paradigm for Multi-Scenario Recommendation."
    CIKM 2024. https://doi.org/10.1145/3627673.3679743
"""

from __future__ import annotations

from typing import ClassVar

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.utils import InputType, ModelType
from torch import nn

from recbole_llm4msr.model.base import MultiScenarioRecommender, no_logits
from recbole_llm4msr.model.layers.groups import ScenarioGroups
from recbole_llm4msr.model.llm4msr.item_meta import ItemMetaNetwork
from recbole_llm4msr.model.llm4msr.knowledge_table import KnowledgeTable
from recbole_llm4msr.model.llm4msr.scenario_meta import ScenarioMetaNetwork
from recbole_llm4msr.model.llm4msr.user_meta import UserMetaNetwork
from recbole_llm4msr.model.llm4msr.users import PLANS, users_of

#: Field with the index of the knowledge vector that a training row is trained with.
KNOWLEDGE_INDEX = "knowledge_index"


def reads_knowledge(config) -> bool:
    """Whether any level of :class:`LLM4MSR` that reads knowledge is on."""
    item_level = config["use_item_meta"] and config["item_knowledge"]
    return bool(config["use_user_meta"] or config["use_scenario_meta"] or item_level)


class LLM4MSR(AbstractRecommender):
    r"""A backbone between user-level and scenario-level meta layers.

    .. math::
        x' = \mathrm{meta}_{user}(x;\, k_u), \qquad
        \mathrm{logit} = \mathrm{backbone}(x', s) + \mathrm{meta}_{scenario}(x';\, k_s)

    where :math:`k_u` and :math:`k_s` are the frozen hidden states of a language model that has read
    a prompt on the user and on the scenario. The user-level layers stand at the bottom of the
    backbone, the scenario-level ones in parallel with it. Both start neutral: an untrained LLM4MSR
    scores as its backbone does, and so does one with both levels switched off.

    From the paper are the positions of the layers, and that knowledge generates their weights and
    biases; the residual form, the neutral start and the sum of the logits are choices of ours.

    A backbone needs no LLM4MSR class: registering ``Name`` makes ``LLM4MSR_Name``.

    Args:
        config: Configuration; see ``properties/model/LLM4MSR.yaml`` for the options.
        dataset: A data set whose ``knowledge`` has been prepared
            (:func:`recbole_llm4msr.data_preparation` does it).

    Raises:
        ValueError: A meta level is on but the data set has no knowledge, or an option is not
            valid.
    """

    type = ModelType.CONTEXT
    input_type = InputType.POINTWISE
    backbone_class: ClassVar[type[MultiScenarioRecommender]]

    def __init__(self, config, dataset) -> None:
        super().__init__()

        # load parameters info
        self.USER_ID = config["USER_ID_FIELD"]
        self.ITEM_ID = config["ITEM_ID_FIELD"]
        self.meta_plan = config["meta_plan"]
        if self.meta_plan not in PLANS:
            raise ValueError(f"meta_plan: {self.meta_plan!r} is not one of {', '.join(PLANS)}")
        #: Whether a user's rows are adjacent in training too.
        self.in_blocks = (config["user_block_size"] or 1) > 1
        #: Whether finding the users of a shuffled training batch may save time.
        self.sorts_users = config["meta_rank"] == "full" and bool(config["use_user_meta"])
        knowledge = dataset.knowledge
        if knowledge is None and reads_knowledge(config) and config["knowledge"] != "none":
            raise ValueError(
                f"{type(self).__name__} needs knowledge, and this data set has none. Make the "
                "loaders with recbole_llm4msr.data_preparation(config, dataset), or set "
                "`knowledge: none`."
            )

        # define layers and loss: the backbone first, so that it gets the same random numbers as
        # without LLM4MSR
        self.backbone = self.backbone_class(config, dataset)
        size = self.backbone.input_size
        self.knowledge = self.user_meta = self.scenario_meta = self.item_meta = None
        options = {"code_size": config["meta_code_size"], "dropout": config["meta_dropout_prob"]}
        if knowledge is not None:
            self.knowledge = KnowledgeTable(
                knowledge.user, knowledge.scenario, knowledge.item, knowledge.fingerprint
            )
        if knowledge is not None and config["use_user_meta"]:
            self.user_meta = UserMetaNetwork(
                knowledge.user.shape[1],
                size,
                n_layers=config["user_meta_layers"],
                meta_rank=config["meta_rank"],
                plan=self.meta_plan,
                **options,
            )
        if knowledge is not None and config["use_scenario_meta"]:
            self.scenario_meta = ScenarioMetaNetwork(
                knowledge.scenario.shape[1],
                size,
                n_layers=config["scenario_meta_layers"],
                hidden_size=config["scenario_meta_hidden_size"],
                **options,
            )

        if knowledge is not None and knowledge.item is not None and config["use_item_meta"]:
            self.item_meta = ItemMetaNetwork(
                knowledge.user.shape[1],
                knowledge.item.shape[1],
                code_size=config["item_meta_code_size"],
                rank=config["item_meta_rank"],
                dropout=config["meta_dropout_prob"],
            )

    def meta_parameters(self) -> list[nn.Parameter]:
        """Parameters of the meta networks: all but the backbone's."""
        return [p for name, p in self.named_parameters() if not name.startswith("backbone.")]

    def knowledge_index(self, interaction: Interaction) -> torch.Tensor:
        """Index of every row's user vector, shape ``(B,)``: the row's field, else its user id."""
        fields = interaction.interaction
        return fields[KNOWLEDGE_INDEX if KNOWLEDGE_INDEX in fields else self.USER_ID]

    def forward(self, interaction: Interaction) -> torch.Tensor:
        """Logits of a batch, shape ``(B,)``."""
        if self.user_meta is None and self.scenario_meta is None and self.item_meta is None:
            return self.backbone(interaction)
        x = self.backbone.embed(interaction)  # (B, D)
        if not len(x):
            return no_logits(x)
        if self.user_meta is not None or self.item_meta is not None:
            # Before the rows are sorted by scenario, while a user's rows are adjacent.
            index = self.knowledge_index(interaction)  # (B,)
            users = users_of(
                index,
                self.meta_plan,
                neighbours=self.in_blocks or not self.training,
                worth_a_sort=self.sorts_users,
            )
            distinct = index if users is None else users.distinct
            user = self.knowledge.user.index_select(0, distinct)  # (B or G, d)
        if self.user_meta is not None:
            x = self.user_meta(x, user, users)
        # Sorted once: every layer per scenario below gets its rows in order.
        scenario = self.backbone.scenario_of(interaction)  # (B,)
        groups = ScenarioGroups(scenario, self.backbone.n_scenarios)
        x = groups.sort(x)
        logit = self.backbone.score(x, groups.sort(scenario))  # (B,)
        if self.scenario_meta is not None:
            logit = logit + self.scenario_meta(x.split(groups.sizes), self.knowledge.scenario)
        logit = groups.restore(logit)
        if self.item_meta is not None:
            item = self.knowledge.item.index_select(0, interaction[self.ITEM_ID])  # (B, d_i)
            logit = logit + self.item_meta(user, item, users)
        return logit

    def calculate_loss(self, interaction: Interaction) -> torch.Tensor:
        """The loss of the backbone on the logits of the whole model."""
        return self.backbone.batch_loss(self.forward(interaction), interaction)

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Click probabilities, shape ``(B,)``."""
        return torch.sigmoid(self.forward(interaction))


def enhance(backbone: type[MultiScenarioRecommender]) -> type[LLM4MSR]:
    """The class ``LLM4MSR_<Backbone>``, which composes :class:`LLM4MSR` with a backbone."""
    return type(
        f"LLM4MSR_{backbone.__name__}",
        (LLM4MSR,),
        {
            "backbone_class": backbone,
            "__module__": backbone.__module__,
            "__doc__": f":class:`LLM4MSR` around :class:`{backbone.__name__}`.",
        },
    )

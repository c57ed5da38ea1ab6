"""Generate mode: answers and states as the library gives them."""

import numpy as np
import pytest
import torch

from recbole_llm4msr.knowledge import KnowledgeError
from tests.knowledge.encoders.huggingface.pretrained import encoder_of

OPENING = "Home and Garden, Toys: what does this user like? "
ENDINGS = ["null", "red garden roses", "steel kitchen knife; " * 7, "silver necklace", "x"]
PROMPTS = [OPENING + ending for ending in ENDINGS] + ["another opening; green tea tin"]


class TestGenerate:
    def encoder(self, qwen, **keys):
        keys = {"knowledge_dtype": "float32", "generate_max_tokens": 6, **keys}
        return encoder_of(qwen, knowledge_mode="generate", **keys)

    def run(self, encoder, prompts):
        return encoder.encode(encoder.tokenise(prompts), lambda *_: None)

    def test_a_batch_equals_the_librarys_answers_one_by_one(self, qwen):
        """Text and the last step's state, as `generate` itself reports them."""
        from transformers import AutoModelForCausalLM

        encoder = self.encoder(qwen)
        found = self.run(encoder, PROMPTS)
        model = AutoModelForCausalLM.from_pretrained(qwen)
        for at, prompt in enumerate(PROMPTS):
            ids = torch.tensor([encoder.tokenise([prompt]).ids[0]])
            out = model.generate(
                ids,
                max_new_tokens=6,
                do_sample=False,
                output_hidden_states=True,
                return_dict_in_generate=True,
            )
            wanted = out.hidden_states[-1][-1][0, -1].numpy()
            np.testing.assert_allclose(found.vectors[at], wanted, atol=1e-4)
            text = encoder.tokenizer.decode(out.sequences[0, ids.shape[1] :], True)
            assert found.texts[at] == text

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_half_precision_does_not_depend_on_the_batch(self, qwen, dtype):
        """Bit for bit; batches of other shapes are rounded in other ways."""
        keys = {"knowledge_dtype": dtype, "knowledge_batch_tokens": 400}
        together = self.run(self.encoder(qwen, **keys), PROMPTS)
        some = self.run(self.encoder(qwen, **keys), PROMPTS[4:0:-2])
        singles = [self.run(self.encoder(qwen, **keys), [prompt]) for prompt in PROMPTS]
        assert [one.texts[0] for one in singles] == together.texts
        np.testing.assert_array_equal(
            np.concatenate([one.vectors for one in singles]), together.vectors
        )
        np.testing.assert_array_equal(some.vectors, together.vectors[4:0:-2])

    def test_in_half_precision_the_size_of_a_batch_is_part_of_the_key(self, qwen):
        def identity(dtype, tokens):
            keys = {"knowledge_dtype": dtype, "knowledge_batch_tokens": tokens}
            return self.encoder(qwen, **keys).vector_identity()

        assert identity("bfloat16", 400) != identity("bfloat16", 800)
        assert identity("float32", 400) == identity("float32", 800)

    def test_an_answer_that_ends_early_keeps_its_own_last_step(self, qwen):
        encoder = self.encoder(qwen)
        answers = torch.tensor([[5, 2, 0, 0], [5, 6, 7, 8], [2, 0, 0, 0]])
        assert encoder.runner._last_steps(answers) == [1, 3, 0]

    def test_a_sample_depends_on_seed_and_prompt_alone(self, qwen):
        hot = {"generate_temperature": 1.5}
        together = self.run(self.encoder(qwen, **hot), PROMPTS)
        single = self.run(self.encoder(qwen, **hot), PROMPTS[2:3])
        assert single.texts[0] == together.texts[2]
        np.testing.assert_allclose(single.vectors[0], together.vectors[2], atol=1e-4)
        other = self.run(self.encoder(qwen, **hot, knowledge_seed=1), PROMPTS)
        assert other.texts != together.texts
        greedy, other = self.encoder(qwen), self.encoder(qwen, knowledge_seed=1)
        assert greedy.identity() == other.identity()

    def test_samples_follow_the_models_distribution(self):
        from recbole_llm4msr.knowledge.encoders.huggingface.generation import _Sampling

        prompts = [[n] for n in range(4000)]
        chances = torch.tensor([0.7, 0.2, 0.1])
        scores = chances.log().expand(4000, 3) * 2
        drawn = _Sampling(prompts, 2.0, seed=0)(None, scores).argmax(dim=1)
        share = torch.bincount(drawn, minlength=3) / 4000
        torch.testing.assert_close(share, chances, atol=0.03, rtol=0)

    def test_texts_are_kept_in_the_store(self, qwen, history, settings, tmp_path):
        import gzip
        import json

        from recbole_llm4msr.knowledge import prepare_knowledge

        config = settings(
            knowledge="transformers",
            llm=qwen,
            knowledge_mode="generate",
            generate_max_tokens=4,
            prompt_form="compact",
        )
        prepare_knowledge(config, history)
        (path,) = (tmp_path / "store").rglob("*.jsonl.gz")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        assert len(lines) == 6  # four users, two scenarios
        assert {"key", "prompt", "text"} == set(lines[0])

    def test_generation_needs_a_decoder_and_its_last_layer(self, qwen, minilm):
        with pytest.raises(KnowledgeError, match="needs a decoder"):
            self.encoder(minilm)
        with pytest.raises(KnowledgeError, match="knowledge_layer"):
            self.encoder(qwen, knowledge_layer=2)

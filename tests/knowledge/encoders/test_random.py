"""Random vectors depend on the name and the seed alone."""

from recbole_llm4msr.knowledge import prepare_knowledge


def test_random_vectors_belong_to_the_raw_token(history, settings, tmp_path):
    """A smaller data set leaves a user's raw vector as it is."""
    from recbole_llm4msr.knowledge.encoders.random import NoiseEncoder

    encoder = NoiseEncoder(8, 1)
    one = encoder.encode(["user ann", "user bob"], lambda *_: None).vectors
    two = encoder.encode(["user bob"], lambda *_: None).vectors
    assert (one[1] == two[0]).all()
    assert (NoiseEncoder(8, 2).encode(["user bob"], lambda *_: None).vectors != two).all()
    found = prepare_knowledge(settings(knowledge="random", knowledge_folds=3), history)
    assert found.train_index is None  # a name knows no history

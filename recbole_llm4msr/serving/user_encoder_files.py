"""Names of the files of an artefact that make the layers of new users."""

FACTS = "user-encoder.json"
ARRAYS = "user-encoder.safetensors"
WORDS = "user-encoder-words.arrow"
ITEM_TEXTS = "item-texts.arrow"

#!/usr/bin/env bash
# scikit-learn 1.7.2: TfidfVectorizer and CountVectorizer drop words of one letter or digit by their
# default token_pattern. Texts that differ in such a word (scenario A, scenario B) get equal vectors.
source "$(dirname "$0")/_environment.sh"
install scikit-learn==1.7.2
python - <<'PYTHON'
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer

print("scikit-learn", sklearn.__version__)
texts = ["scenario A", "scenario B"]
default, every = TfidfVectorizer(), TfidfVectorizer(token_pattern=r"(?u)\w+")
vectors = default.fit_transform(texts).toarray()
print("default words:", default.get_feature_names_out().tolist(), "vectors:", vectors.tolist())
all_words = every.fit_transform(texts).toarray()
print(r"with token_pattern (?u)\w+:", every.get_feature_names_out().tolist())
assert (vectors[0] == vectors[1]).all(), "the behaviour has changed"
assert (all_words[0] != all_words[1]).any()
PYTHON

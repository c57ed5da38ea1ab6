# Sourced after _environment.sh by the findings about RecBole. Python 3.10 to 3.12 (numpy 1.26).

# install_recbole [PANDAS]: RecBole 1.2.1 with the libraries that it imports, and small.py.
install_recbole() {
    install torch==2.13.0 numpy==1.26.4 "${1:-pandas==2.2.3}" scipy==1.15.3 scikit-learn==1.6.1 \
        colorlog==4.7.2 colorama==0.4.4 pyyaml==6.0.2 tqdm==4.67.1 psutil==7.0.0 \
        texttable==1.7.0 tensorboard==2.19.0 thop==0.1.1.post2209072238 "setuptools<81"
    install --no-deps recbole==1.2.1
    cat > small.py <<'PYTHON'
"""A small data set in the current folder, read by RecBole."""

from importlib.metadata import version
from pathlib import Path

from recbole.config import Config
from recbole.data import create_dataset

print("recbole", version("recbole"), "pandas", version("pandas"), "torch", version("torch"))


def write(**files):
    """Write small/small.SUFFIX from rows of fields; the first row is the header."""
    Path("small").mkdir(exist_ok=True)
    for suffix, rows in files.items():
        lines = ["\t".join(map(str, row)) for row in rows]
        Path("small", f"small.{suffix}").write_text("\n".join(lines) + "\n")


def config(model="LR", **settings):
    settings = {"data_path": ".", "LABEL_FIELD": "label", "use_gpu": False, **settings}
    return Config(model=model, dataset="small", config_dict=settings)


def read(**settings):
    """Return RecBole's data set of the files."""
    return create_dataset(config(**settings))
PYTHON
}

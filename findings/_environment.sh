# Sourced by every finding. Makes a virtual environment in a temporary folder, works in that folder,
# and removes it at the end. `python` is that environment's; nothing else is installed in it.
set -euo pipefail
findings=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
PATH="$folder/venv/bin:$PATH"
unset PYTHONPATH PYTHONHOME
export PYTHONWARNINGS=ignore

# install PACKAGE...: as pip does, silent unless it fails.
install() {
    python -m pip install --quiet --no-compile "$@" 2> pip.log || { cat pip.log >&2; exit 1; }
}

"""Prompt templates: load yaml files of Jinja2 texts, check and render them."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2 import meta

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.prompts.sandbox import BoundedEnvironment, render_bounded

FORMS = ("full", "compact")
COMMON = ("words", "notes", "dataset")
VARIABLES: dict[str, tuple[str, ...]] = {
    "system": COMMON,
    "scenario": (*COMMON, "scenarios", "target", "others"),
    "user": (*COMMON, "scenarios", "history", "positives", "profile"),
    "item": (*COMMON, "text", "category"),
    "eol": COMMON,
}
OPTIONAL = ("system", "eol")


def prompt_folder() -> Path:
    """Return the folder of the templates that come with the package."""
    package = Path(__file__).parents[2]
    installed, checkout = package / "properties", package.parent / "properties"
    return (installed if installed.is_dir() else checkout) / "prompts"


@dataclass(frozen=True)
class PromptTemplate:
    """The prompts of one template file, in one form.

    Attributes:
        name: Name of the template, or the path it was read from.
        form: ``full`` (instructions) or ``compact`` (contents only).
        source: All texts that determine what is rendered, for the fingerprint.
    """

    name: str
    form: str
    source: Mapping[str, Any]
    _texts: Mapping[str, jinja2.Template]
    _common: Mapping[str, Any]

    @classmethod
    def load(cls, name: str, language: str, form: str, dataset: str = "") -> PromptTemplate:
        """Load a template of the package by name and language, or a user's yaml file.

        Raises:
            KnowledgeError: The template does not exist, its yaml or Jinja2 is not valid, a prompt
                is missing, or a variable is unknown; with the file and, if known, the line.
        """
        path = _find(name, language)
        content = _read(path, language)
        given = content.get(form)
        if not isinstance(given, dict):
            raise KnowledgeError(f"{path}: no prompts under `{form}:`")
        for kind in given:
            if kind not in VARIABLES:
                raise KnowledgeError(
                    f"{path}: {form}.{kind} is not a prompt; known: {', '.join(VARIABLES)}"
                )
        for kind in VARIABLES:
            if kind not in given and kind not in OPTIONAL:
                raise KnowledgeError(f"{path}: {form}.{kind} is missing")
        common = {
            "words": content.get("words") or {},
            "notes": content.get("notes") or [],
            "dataset": dataset,
        }
        source = {"prompts": {k: str(v) for k, v in given.items()}, **common}
        return cls.of_source(str(name), form, source, path)

    @classmethod
    def of_source(
        cls, name: str, form: str, source: Mapping[str, Any], path: Path | None = None
    ) -> PromptTemplate:
        """Return the template that has this :attr:`source`.

        Args:
            name: Its name, for errors.
            form: Its form.
            source: All texts, as a template that was loaded has them.
            path: The file that they are from, for errors.

        Raises:
            KnowledgeError: A prompt is not valid Jinja2, or has an unknown variable.
        """
        environment = BoundedEnvironment(
            undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=False
        )
        file = path or Path(name)
        prompts = source["prompts"]
        texts = {
            kind: _compile(environment, prompts[kind], file, f"{form}.{kind}", kind)
            for kind in VARIABLES
            if kind in prompts
        }
        common = {key: source[key] for key in COMMON}
        return cls(name, form, source, texts, common)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in the file that determines what is rendered."""
        text = json.dumps(self.source, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def has(self, kind: str) -> bool:
        """Return whether the template has this (optional) prompt."""
        return kind in self._texts

    def renderer(self, kind: str, **fixed: Any) -> Callable[..., str]:
        """Return a function that renders the prompts of one kind; its errors are KnowledgeErrors.

        Args:
            kind: ``system``, ``scenario``, ``user``, ``item`` or ``eol``.
            **fixed: Variables that are the same for every prompt of the kind.
        """
        template = self._texts[kind]
        fixed = {**self._common, **fixed}

        def render(**variables: Any) -> str:
            try:
                return render_bounded(template, {**fixed, **variables}).strip()
            except Exception as error:  # a template's expressions may raise any
                raise KnowledgeError(
                    f"template {self.name}, {self.form}.{kind}: {error}"
                ) from error

        return render


def _find(name: str, language: str) -> Path:
    """Return the file of a template: the user's yaml file, or that of the package."""
    own = Path(name).expanduser()
    if own.suffix in (".yaml", ".yml"):
        if not own.is_file():
            raise KnowledgeError(f"prompt_template: no file {own}")
        return own
    path = prompt_folder() / f"{name}.{language}.yaml"
    if not path.is_file():
        known = sorted(p.name.split(".")[0] for p in prompt_folder().glob(f"*.{language}.yaml"))
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise KnowledgeError(
            f"prompt_template: no template {name!r} in language {language!r}{hint}; "
            f"there are {', '.join(known)}, or the path of a yaml file of your own"
        )
    return path


def _read(path: Path, language: str, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a template file and merge it over the one it extends."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise KnowledgeError(f"{path}: not valid yaml: {error}") from error
    if not isinstance(content, dict):
        raise KnowledgeError(f"{path}: expected keys such as `full:` and `compact:`")
    base_name = content.pop("extends", None)
    if base_name is None:
        return content
    base_path = _find(str(base_name), language)
    if base_path in (path, *seen):
        raise KnowledgeError(f"{path}: extends {base_name}, which extends it")
    base = _read(base_path, language, (path, *seen))
    for key, value in content.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        base[key] = {**base[key], **value} if both else value
    return base


def _compile(
    environment: BoundedEnvironment, text: str, path: Path, where: str, kind: str
) -> jinja2.Template:
    """Compile one prompt and check its variables."""
    try:
        tree = environment.parse(text)
        template = environment.from_string(text)
    except jinja2.TemplateSyntaxError as error:
        raise KnowledgeError(f"{path}: {where}, line {error.lineno}: {error.message}") from error
    unknown = meta.find_undeclared_variables(tree) - set(VARIABLES[kind])
    if unknown:
        name = sorted(unknown)[0]
        line = next((i for i, t in enumerate(text.splitlines(), 1) if name in t), 1)
        near = difflib.get_close_matches(name, VARIABLES[kind], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise KnowledgeError(
            f"{path}: {where}, line {line}: unknown variable {name!r}{hint} "
            f"This prompt knows: {', '.join(VARIABLES[kind])}"
        )
    return template

"""Wheels of language packs: of a few lines, and a real one that spaCy makes."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

NAME = "xx_tiny"
FOLDER = f"{NAME}-1.0.0"
CONFIG = """
[paths]
train = null

[nlp]
lang = "en"
pipeline = ["sentencizer"]
tokenizer = {"@tokenizers":"spacy.Tokenizer.v1"}
before_creation = null

[components]

[components.sentencizer]
factory = "sentencizer"
punct_chars = null
scorer = {"@scorers":"spacy.senter_scorer.v1"}

[training]
logger = {"@loggers":"spacy.ConsoleLogger.v1"}
"""
META = {
    "lang": "en", "name": "tiny", "version": "1.0.0", "spacy_version": ">=3.5.0,<9.0.0",
    "license": "MIT",
}  # fmt: skip


def make_wheel(path: Path, config=CONFIG, meta=None, files=(), root=f"{NAME}/{FOLDER}") -> Path:
    """`files`: more of them, as (name or ZipInfo, content)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{NAME}/__init__.py", "raise SystemExit")
        if config is not None:
            archive.writestr(f"{root}/config.cfg", config)
        if meta is not False:
            archive.writestr(f"{root}/meta.json", json.dumps(META if meta is None else meta))
        for name, content in files:
            archive.writestr(name, content)
        archive.writestr(f"{FOLDER}.dist-info/METADATA", "Name: xx-tiny")
    return path


_TRAIN = """
import sys, warnings
warnings.simplefilter("ignore")
import spacy
from spacy.training import Example
nlp = spacy.blank("en")
tagger = nlp.add_pipe("tagger")
ruler = nlp.add_pipe("attribute_ruler")
names = nlp.add_pipe("entity_ruler")
nlp.add_pipe("sentencizer")
def examples():
    doc = nlp.make_doc("cats sleep")
    return [Example.from_dict(doc, {"tags": ["NN", "VB"]})]
nlp.initialize(examples)
ruler.add([[{"TAG": "NN"}]], {"POS": "NOUN"})
names.add_patterns([{"label": "CITY", "pattern": "Paris"}])
for _ in range(20):
    nlp.update(examples())
nlp.to_disk(sys.argv[1])
"""


def make_real_wheel(folder: Path) -> Path:
    """A trained tagger, a rule for names: all that spaCy writes of a pipeline."""
    made = folder / "made"
    subprocess.run([sys.executable, "-P", "-c", _TRAIN, str(made)], check=True)
    path = folder / f"{NAME}-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{NAME}/__init__.py", "raise SystemExit")
        for file in sorted(made.rglob("*")):
            if file.is_file():
                archive.write(file, f"{NAME}/{FOLDER}/{file.relative_to(made).as_posix()}")
    return path

"""The library: every model of this computer once, whoever keeps it, with what is known of it."""

import hashlib
import json
import os
import struct
import sys
import threading
import time
from pathlib import Path

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.model_facts import ModelFacts, ModelKind, facts_of
from desktop_llm.core.models import KvType, LoadOptions, ModelSettings, ModelSource
from desktop_llm.hub.safetensors import count_parameters
from desktop_llm.services.model_library import ModelLibrary
from desktop_llm.storage import model_scan
from desktop_llm.storage.library import Library, find_starter, write_source
from desktop_llm.storage.library_file import Entry, LibraryFile, Link
from desktop_llm.storage.model_places import GPT4ALL, HUGGING_FACE, LM_STUDIO, OLLAMA, known_places
from desktop_llm.storage.paths import Folders
from tests.fakes.gguf_files import entry, gguf, number, strings

LLAMA = entry("general.architecture", "llama")


@pytest.fixture(autouse=True)
def no_starter(monkeypatch):
    monkeypatch.setattr("desktop_llm.storage.library.find_starter", lambda: None)


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def folders(tmp_path):
    made = Folders(tmp_path / "data", tmp_path / "cache", fixed=True)
    made.models.mkdir(parents=True)
    return made


@pytest.fixture
def library(folders):
    return ModelLibrary(Library(folders))


def put(path, *entries, **fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf([LLAMA, *entries] if entries or not fields else None, **fields))
    return path


def names(library):
    return [model.name for model, _fault in library.all()]


def faults(library):
    return {model.name: fault.code for model, fault in library.all() if fault is not None}


def one(library, name):
    return next(model for model, _fault in library.all() if model.name == name)


def encoder(folder, **config):
    folder.mkdir(parents=True, exist_ok=True)
    values = {"model_type": "bert", "max_position_embeddings": 512} | config
    (folder / "config.json").write_text(json.dumps(values))
    (folder / "tokenizer.json").write_text("{}")
    tensors({"a": [2, 3], "b": [5]}, folder / "model.safetensors")
    return folder


def tensors(shapes, path, room=None):
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4
        for each in shape:
            size *= each
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * (at if room is None else room))


# --- what is found --------------------------------------------------------------------------------


def test_files_in_folders_are_found_and_what_is_aside_is_not(library, folders):
    put(folders.models / "top.gguf")
    put(folders.models / "owner" / "repo" / "deep.gguf")
    put(folders.models / ".incoming" / "x" / "half.gguf")
    (folders.models / "part.gguf.part").write_bytes(b"GGUF")
    (folders.models / "gone.gguf").symlink_to(folders.models / "nothing")
    assert names(library) == ["top", "deep"]
    assert {model.source for model, _ in library.all()} == {ModelSource.FOLDER}


def test_what_a_file_says_of_itself(library, folders):
    put(
        folders.models / "m.gguf",
        entry("general.name", "A\nname\x00"), entry("general.license", "mit"),
        strings("general.languages", "en", "zh"), number("general.file_type", 2),
        number("llama.context_length", 4096), entry("tokenizer.chat_template", "{{ 1 }}"),
    )  # fmt: skip
    model = one(library, "m")
    assert (model.title, model.licence, model.languages) == ("A name", "mit", ("en", "zh"))
    assert (model.quantization, model.context_length, model.has_template) == ("Q4_0", 4096, True)
    assert model.parameters == 32


def test_one_name_each(library, folders):
    for folder in ("a", "b", "b/c"):
        put(folders.models / folder / "model.gguf")
    assert names(library) == ["model", "b/model", "c/model"]
    assert library.find("b/model").path.endswith("b/model.gguf")


def test_a_split_model_is_one_and_whole_or_not_usable(library, folders):
    for part in (1, 2, 3):
        put(folders.models / f"big-0000{part}-of-00003.gguf", number("split.count", 3))
    big = one(library, "big")
    assert len(big.files) == 3
    assert big.path.endswith("big-00001-of-00003.gguf")
    assert big.parameters == 96
    assert big.size_bytes == sum(Path(file).stat().st_size for file in big.files)
    Path(big.files[1]).unlink()
    assert faults(library) == {"big": FaultCode.MODEL_PARTS_MISSING}


def test_kinds_are_told_apart(library, folders):
    put(folders.models / "chat.gguf")
    put(folders.models / "vectors.gguf", number("llama.pooling_type", 3))
    path = folders.models / "bert.gguf"
    path.write_bytes(gguf([entry("general.architecture", "nomic-bert")]))
    put(folders.models / "lora.gguf", entry("general.type", "adapter"))
    put(folders.models / "imatrix.gguf", entry("general.type", "imatrix"))
    encoder(folders.models / "minilm")
    kinds = {model.name: model.kind for model, _ in library.all()}
    assert kinds == {
        "chat": ModelKind.CHAT, "vectors": ModelKind.EMBEDDING, "bert": ModelKind.EMBEDDING,
        "minilm": ModelKind.ENCODER,
    }  # fmt: skip
    assert library.find("").name == "chat"


def test_a_projector_stands_with_its_model(library, folders):
    chat = put(folders.models / "see" / "chat.gguf")
    eyes = put(folders.models / "see" / "mmproj-f16.gguf", entry("general.type", "mmproj"))
    put(folders.models / "blind.gguf")
    models = {model.name: model for model, _ in library.all()}
    assert set(models) == {"chat", "blind"}
    assert models["chat"].projector == str(eyes)
    assert models["chat"].size_bytes == chat.stat().st_size + eyes.stat().st_size
    assert models["blind"].projector == ""


def test_an_encoder_is_described_and_a_pickle_is_never_one(library, folders):
    encoder(folders.models / "enc")
    pickle = folders.models / "old"
    pickle.mkdir()
    (pickle / "config.json").write_text("{}")
    (pickle / "tokenizer.json").write_text("{}")
    (pickle / "pytorch_model.bin").write_bytes(b"\x80\x04")
    found = one(library, "enc")
    assert (found.architecture, found.parameters, found.context_length) == ("bert", 11, 512)
    assert names(library) == ["enc"]
    (folders.models / "enc" / "config.json").write_text("[")
    assert faults(library) == {"enc": FaultCode.ENCODER_BROKEN}


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0" * 7, b"\xff" * 8, struct.pack("<Q", 4) + b"nope", struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 10**12) + b"{}", struct.pack("<Q", 9) + b'{"a": 1 }',
        struct.pack("<Q", 2**64 - 1),
    ],
)  # fmt: skip
def test_broken_weights_are_said(tmp_path, data):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(EnvironmentFault) as fault:
        count_parameters(path)
    assert fault.value.code is FaultCode.ENCODER_BROKEN


def test_tensors_outside_their_file_are_said(tmp_path):
    path = tmp_path / "model.safetensors"
    tensors({"a": [1000]}, path, room=10)
    with pytest.raises(EnvironmentFault):
        count_parameters(path)


def test_bad_files_are_listed_with_their_fault(library, folders):
    (folders.models / "text.gguf").write_text("no model")
    (folders.models / "empty.gguf").write_bytes(b"")
    put(folders.models / "good.gguf")
    found = faults(library)
    assert set(found) == {"text", "empty"}
    assert found["text"] is FaultCode.MODEL_NOT_GGUF


# --- other programs -------------------------------------------------------------------------------


def ollama(root, name="llama3", tag="8b", data=b"", **layers):
    blobs = root / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    made = []
    for kind, content in {"model": data or gguf([LLAMA]), **layers}.items():
        digest = hashlib.sha256(content).hexdigest()
        (blobs / f"sha256-{digest}").write_bytes(content)
        media = f"application/vnd.ollama.image.{kind}"
        made.append({"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)})
    manifest = root / "manifests" / "registry.ollama.ai" / "library" / name / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": made}))


def test_other_programs_are_offered_where_they_lie(library, home):
    put(home / ".lmstudio" / "models" / "pub" / "repo" / "lm.gguf")
    ollama(home / ".ollama" / "models")
    if sys.platform.startswith("linux"):
        put(home / ".local" / "share" / "nomic.ai" / "GPT4All" / "four.gguf")
    snapshot = home / ".cache/huggingface/hub/models--o--r/snapshots" / ("a" * 40)
    blob = put(home / ".cache/huggingface/hub/models--o--r/blobs/abc")
    snapshot.mkdir(parents=True)
    (snapshot / "cached.gguf").symlink_to(blob)
    places = {place.app: place for place in known_places()}
    assert {LM_STUDIO, OLLAMA, HUGGING_FACE} <= set(places)
    for place in library.files.offered():
        library.files.link(Path(place.path), place.app)
    assert library.files.offered() == []
    models = {model.name: model for model, fault in library.all() if fault is None}
    assert {"lm", "llama3:8b", "cached"} <= set(models)
    if sys.platform.startswith("linux"):
        assert models["four"].app == GPT4ALL
    assert models["cached"].repo == "o/r"
    assert models["cached"].revision == "a" * 40
    assert models["llama3:8b"].sha256
    assert {model.source for model in models.values()} == {ModelSource.LINKED}
    assert not any(library.files.root.rglob("*.gguf"))


@pytest.mark.parametrize(
    "layers",
    [
        None, 5, [], [5], [{"mediaType": "application/vnd.ollama.image.model", "digest": "x"}],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../etc/passwd"}],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": 7}],
    ],
)  # fmt: skip
def test_a_hostile_manifest_gives_nothing(library, tmp_path, layers):
    root = tmp_path / "ollama"
    manifest = root / "manifests" / "r" / "l" / "m" / "t"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"layers": layers}))
    (manifest.parent / "broken").write_bytes(b"\xff{")
    library.files.link(root, OLLAMA)
    assert library.all() == []


def test_a_file_that_two_ways_lead_to_is_one(library, tmp_path, folders):
    path = put(folders.models / "m.gguf")
    other = tmp_path / "other"
    other.mkdir()
    (other / "again.gguf").symlink_to(path)
    library.files.link(other)
    library.files.link(path)
    assert names(library) == ["m"]


def test_a_linked_folder_that_is_gone_is_no_fault(library, tmp_path):
    folder = tmp_path / "usb"
    put(folder / "m.gguf")
    library.files.link(folder)
    assert names(library) == ["m"]
    (folder / "m.gguf").unlink()
    folder.rmdir()
    assert library.all() == []
    with pytest.raises(EnvironmentFault):
        library.files.link(folder / "nothing")


def test_loops_and_depth_have_an_end(library, folders, monkeypatch):
    (folders.models / "loop").symlink_to(folders.models)
    put(folders.models / Path(*"abcdefgh") / "deep.gguf")
    put(folders.models / "m.gguf")
    assert names(library) == ["m"]
    monkeypatch.setattr(model_scan, "MOST_ENTRIES", 3)
    assert names(library) == []


# --- what is kept ---------------------------------------------------------------------------------


def test_a_header_is_read_once(library, folders, monkeypatch):
    put(folders.models / "m.gguf")
    assert names(library) == ["m"]
    again = ModelLibrary(Library(folders))
    monkeypatch.setattr(
        "desktop_llm.services.model_library.read_header", lambda _path: pytest.fail("read again")
    )
    assert names(again) == ["m"]


def test_a_changed_file_is_read_again(library, folders):
    path = put(folders.models / "m.gguf", number("llama.context_length", 1))
    assert one(library, "m").context_length == 1
    put(path, number("llama.context_length", 2), entry("general.name", "longer"))
    assert one(library, "m").context_length == 2


def test_uses_and_speeds_are_kept(library, folders, monkeypatch):
    path = str(put(folders.models / "m.gguf"))
    library.note_use(path, 500.0, 20.0)
    model = one(library, "m")
    assert (model.prompt_rate, model.decode_rate) == (500.0, 20.0)
    assert abs(model.last_used - time.time()) < 60
    library.note_use(path, 1.0, 1.0)  # too soon after the last
    assert one(library, "m").decode_rate == 20.0
    monkeypatch.setattr("desktop_llm.services.model_library.USE_SECONDS", 0.0)
    library.note_use(path, 0.0, 30.0)
    model = one(library, "m")
    assert (model.prompt_rate, model.decode_rate) == (500.0, 30.0)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"links": 5}', b'{"links": [], "entries": [1]}']
)
def test_a_damaged_file_is_put_aside(folders, content, caplog):
    path = folders.models / "library.json"
    path.write_bytes(content)
    assert LibraryFile(path).known().links == []
    (kept,) = folders.models.glob("library.json.damaged-*")
    assert kept.read_bytes() == content
    assert "damaged" in caplog.text


def test_facts_of_another_version_are_read_anew(library, folders):
    path = put(folders.models / "m.gguf")
    names(library)
    file = folders.models / "library.json"
    file.write_text(file.read_text().replace('"kind": "chat"', '"kind": "dance"'))
    assert names(ModelLibrary(Library(folders))) == ["m"]
    assert LibraryFile(file).known().entries[str(path)].facts is not None


def test_many_writers_lose_nothing(folders):
    def write(at):
        own = LibraryFile(folders.models / "library.json")
        for step in range(10):
            link = Link(f"/{at}/{step}")
            own.change(lambda known, link=link: known.links.append(link))

    threads = [threading.Thread(target=write, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(LibraryFile(folders.models / "library.json").known().links) == 40


def test_facts_survive_their_values():
    facts = ModelFacts(kind=ModelKind.EMBEDDING, languages=("a", "b"), parameters=5, parts=2)
    values = json.loads(json.dumps(facts.to_values()))
    assert ModelFacts.from_values(values) == facts
    assert Entry().facts is None
    starter = find_starter()
    if starter is not None:
        from desktop_llm.hub.gguf import read_header

        found = facts_of(read_header(Path(starter.path)))
        assert (found.kind, found.has_template) == (ModelKind.CHAT, True)
        assert found.parameters > 100_000_000


# --- removal --------------------------------------------------------------------------------------


def downloaded(folders, folder="owner/repo", *files):
    place = folders.models / folder
    for name in files or ("m.gguf",):
        put(place / name)
    said = {name: {"sha256": "0" * 64, "size": 1} for name in files or ("m.gguf",)}
    write_source(place, {"repo": "owner/repo", "revision": "r", "licence": "mit", "files": said})
    return place


def test_a_download_says_where_it_is_from(library, folders):
    downloaded(folders)
    model = one(library, "m")
    assert (model.source, model.repo, model.licence) == (
        ModelSource.DOWNLOADED, "owner/repo", "mit",
    )  # fmt: skip
    assert model.sha256 == "0" * 64


def test_removing_frees_what_it_said_and_leaves_no_folder(library, folders):
    place = downloaded(folders, "owner/repo", "m.gguf", "n.gguf")
    size = (place / "m.gguf").stat().st_size
    removal = library.files.removal(one(library, "m"))
    assert (removal.frees, removal.files) == (size, (place / "m.gguf",))
    library.files.remove(one(library, "m"))
    assert names(library) == ["n"]
    library.files.remove(one(library, "n"))
    assert not (folders.models / "owner").exists()
    assert folders.models.exists()


def test_all_parts_go_and_the_projector_with_the_last_model(library, folders):
    place = folders.models / "see"
    for part in (1, 2):
        put(place / f"m-0000{part}-of-00002.gguf", number("split.count", 2))
    put(place / "other.gguf")
    eyes = put(place / "mmproj.gguf", entry("general.type", "mmproj"))
    library.files.remove(one(library, "m"))
    assert sorted(path.name for path in place.iterdir()) == ["mmproj.gguf", "other.gguf"]
    assert eyes in library.files.removal(one(library, "other")).files
    library.files.remove(one(library, "other"))
    assert not place.exists()


def test_an_encoder_goes_with_its_folder(library, folders):
    place = encoder(folders.models / "enc")
    library.files.remove(one(library, "enc"))
    assert not place.exists()


def test_a_link_out_of_the_root_is_never_followed(library, folders, tmp_path):
    outside = put(tmp_path / "outside" / "m.gguf")
    (folders.models / "inside.gguf").symlink_to(outside)
    removal = library.files.removal(one(library, "inside"))
    assert removal.frees == 0
    library.files.remove(one(library, "inside"))
    assert outside.exists()
    assert not os.path.lexists(folders.models / "inside.gguf")
    (folders.models / "door").symlink_to(outside.parent)
    assert names(library) == []  # not even looked through


def test_a_hard_link_frees_nothing(library, folders, tmp_path):
    path = put(folders.models / "m.gguf")
    os.link(path, tmp_path / "other")
    assert library.files.removal(one(library, "m")).frees == 0


def test_what_is_others_is_only_no_longer_used(library, tmp_path):
    path = put(tmp_path / "own" / "m.gguf")
    library.files.link(path)
    removal = library.files.remove(one(library, "m"))
    assert (removal.only_link, removal.frees) == (True, 0)
    assert path.exists()
    assert library.all() == []
    library.files.link(path.parent)
    with pytest.raises(EnvironmentFault) as fault:
        library.files.remove(one(library, "m"))
    assert fault.value.code is FaultCode.MODEL_NOT_OURS
    assert library.files.unlink(str(path.parent))
    assert library.all() == []


def test_the_starter_is_not_removed(folders, monkeypatch):
    starter = find_starter()
    if starter is None:
        pytest.skip("the starter model is not installed")
    monkeypatch.setattr("desktop_llm.storage.library.find_starter", lambda: starter)
    with pytest.raises(EnvironmentFault) as fault:
        Library(folders).remove(starter)
    assert fault.value.code is FaultCode.MODEL_NOT_OURS
    assert Path(starter.path).exists()


# --- how a model is loaded -----------------------------------------------------------------------


def test_what_is_set_for_a_model_is_kept_and_taken_back(library, folders):
    path = put(folders.models / "a.gguf")
    wanted = ModelSettings(context_length=2048, kv_type=KvType.Q8_0, use_mmap=False, threads=2)
    library.set(str(path), wanted)
    again = ModelLibrary(Library(folders))
    assert again.find("a").settings == wanted
    assert again.find("a").settings.applied_to(LoadOptions()) == LoadOptions(
        context_length=2048, kv_type=KvType.Q8_0, use_mmap=False, threads=2
    )
    path.write_bytes(path.read_bytes() + b"changed")  # it stays a person's wish
    assert again.find("a").settings == wanted
    again.set(str(path), ModelSettings())
    assert ModelLibrary(Library(folders)).find("a").settings == ModelSettings()


@pytest.mark.parametrize(
    "values",
    [{"context_length": -1}, {"context_length": "many"}, {"kv_type": "q3"}, {"use_mmap": 1},
     {"unknown": 1}, {"kv_type": "q8_0", "flash_attention": "off"}, [], 5, None],
)  # fmt: skip
def test_what_cannot_be_set_is_left_out(library, folders, values):
    path = put(folders.models / "a.gguf")
    library.set(str(path), ModelSettings(threads=2))
    file = library.files.file.path
    known = json.loads(file.read_text())
    known["settings"][str(path)] = values
    file.write_text(json.dumps(known))
    assert ModelLibrary(Library(folders)).find("a").settings == ModelSettings()

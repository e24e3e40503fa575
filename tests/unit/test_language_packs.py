"""A wheel is a stranger's archive: what is taken of it, and what is refused."""

import hashlib
import os
import stat
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.language_packs import foreign_parts, serves
from desktop_llm.storage import language_packs
from desktop_llm.storage.language_packs import NOTE, LanguagePackFiles
from tests.fakes.language_packs import CONFIG, FOLDER, META, NAME, make_wheel

ROOT = f"{NAME}/{FOLDER}"


@pytest.fixture
def packs(tmp_path):
    return LanguagePackFiles(tmp_path / "packs")


def refusal(packs, wheel, **more):
    with pytest.raises(EnvironmentFault) as fault:
        packs.install(wheel, **more)
    assert packs.installed() == ()
    assert not [name for name in folder_of(packs) if name != NOTE]
    return fault.value.code


def folder_of(packs):
    folder = packs._folder
    return names_in(folder) if folder.exists() else []


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_pack_is_installed_as_data_listed_and_removed(packs, tmp_path):
    # The tokenizer of Chinese would load features.pkl by pickle where it stands there.
    code = ("evil.py", "a.so", "tokenizer/pkuseg_model/features.pkl")
    files = [(f"{ROOT}/{name}", "1") for name in code] + [(f"{ROOT}/vocab/strings.json", "[]")]
    wheel = make_wheel(tmp_path / "a.whl", files=files)
    pack = packs.install(wheel, origin="https://packs.example/a.whl")
    assert packs.installed() == (pack,)
    assert (pack.name, pack.version, pack.language, pack.licence) == (NAME, "1.0.0", "en", "MIT")
    assert pack.components == ("sentencizer",)
    assert pack.sha256 == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert not pack.known_hash
    assert pack.origin == "https://packs.example/a.whl"
    root = packs._folder / FOLDER
    names = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}
    assert names == {"config.cfg", "meta.json", NOTE, "vocab/strings.json"}
    assert "training" not in (root / "config.cfg").read_text()
    if os.name == "posix":
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
    packs.remove(FOLDER)
    assert packs.installed() == ()
    assert folder_of(packs) == []


def test_a_known_hash_is_checked_and_noted(packs, tmp_path):
    wheel = make_wheel(tmp_path / "a.whl")
    assert refusal(packs, wheel, sha256="0" * 64) is FaultCode.PACK_DIFFERS
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert packs.install(wheel, digest.upper()).known_hash


def test_a_pack_is_not_installed_over_another(packs, tmp_path):
    wheel = make_wheel(tmp_path / "a.whl")
    packs.install(wheel)
    with pytest.raises(EnvironmentFault) as fault:
        packs.install(wheel)
    assert fault.value.code is FaultCode.PACK_THERE
    assert len(packs.installed()) == 1


@pytest.mark.parametrize(
    "name",
    ["../a.json", "/a.json", f"{ROOT}/../../a.json", f"{ROOT}/..", "a\\b.json", "C:/a.json",
     f"{ROOT}/META.JSON", f"{ROOT}/ "],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(packs, tmp_path, name):
    wheel = make_wheel(tmp_path / "a.whl", files=[(name, "{}")])
    assert refusal(packs, wheel) is FaultCode.PACK_DAMAGED
    assert names_in(tmp_path) in (["a.whl"], ["a.whl", "packs"])


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(packs, tmp_path, kind):
    entry = zipfile.ZipInfo(f"{ROOT}/vocab")
    entry.external_attr = (kind | 0o777) << 16
    wheel = make_wheel(tmp_path / "a.whl", files=[(entry, "/etc")])
    assert refusal(packs, wheel) is FaultCode.PACK_DAMAGED


def test_bombs_are_refused(packs, tmp_path, monkeypatch):
    wheel = make_wheel(tmp_path / "a.whl", files=[(f"{ROOT}/model", b"\0" * 30_000_000)])
    assert refusal(packs, wheel) is FaultCode.PACK_DAMAGED
    monkeypatch.setattr(language_packs, "ENTRIES", 3)
    assert refusal(packs, make_wheel(tmp_path / "b.whl")) is FaultCode.PACK_DAMAGED


def test_pickle_is_refused(packs, tmp_path):
    wheel = make_wheel(tmp_path / "a.whl", files=[(f"{ROOT}/ner/model", b"\x80\x04\x95...")])
    assert refusal(packs, wheel) is FaultCode.PACK_REFUSED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('factory = "sentencizer"', 'factory = "llm"'),
        ('factory = "sentencizer"', 'source = "other"'),
        ('factory = "sentencizer"', 'factory = "${paths.train}"'),
        ("spacy.Tokenizer.v1", "evil.Tokenizer.v1"),
        ("@tokenizers", "@readers"),
        ("@scorers", "@callbacks"),
        ("before_creation = null", 'before_creation = {"@misc":"spacy.x.v1"}'),
        ("punct_chars = null", 'punct_chars = [{"a":{"@misc":"evil"}}]'),
        ("train = null", 'train = \'{"@misc": "evil"}\''),
        ("train = null", 'train = "@misc"'),
        ("punct_chars = null", 'punct_chars = {"@misc":"spacy.${paths.train}"}'),
        ("[paths]", '[evil]\n@misc = "evil.v1"\n[paths]'),
    ],
)
def test_a_config_that_wants_code_is_refused(packs, tmp_path, old, new):
    assert old in CONFIG
    wheel = make_wheel(tmp_path / "a.whl", CONFIG.replace(old, new))
    assert refusal(packs, wheel) is FaultCode.PACK_REFUSED


@pytest.mark.parametrize(
    ("config", "meta", "code"),
    [
        (None, None, FaultCode.PACK_DAMAGED),
        (CONFIG, False, FaultCode.PACK_DAMAGED),
        ("nothing", None, FaultCode.PACK_DAMAGED),
        ("[DEFAULT]\na = 1\n" + CONFIG, None, FaultCode.PACK_DAMAGED),
        (CONFIG.replace('"en"', '"en.evil"'), None, FaultCode.PACK_DAMAGED),
        (CONFIG, [], FaultCode.PACK_DAMAGED),
        (CONFIG, META | {"lang": "../en"}, FaultCode.PACK_DAMAGED),
        (CONFIG, META | {"spacy_version": ">=2.0.0,<3.0.0"}, FaultCode.PACK_VERSION),
        (b"\xff\xfe", None, FaultCode.PACK_DAMAGED),
    ],
)
def test_what_is_no_pipeline_is_refused(packs, tmp_path, config, meta, code):
    assert refusal(packs, make_wheel(tmp_path / "a.whl", config, meta)) is code


def test_a_folder_with_an_odd_name_is_refused(packs, tmp_path):
    wheel = make_wheel(tmp_path / "a.whl", root=f"{NAME}/nothing")
    assert refusal(packs, wheel) is FaultCode.PACK_DAMAGED


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_damaged_wheel_is_refused_or_sound(tmp_path_factory, at, value):
    folder = tmp_path_factory.mktemp("packs")
    wheel = make_wheel(folder / "a.whl")
    content = bytearray(wheel.read_bytes())
    content[at % len(content)] = value
    wheel.write_bytes(content)
    packs = LanguagePackFiles(folder / "packs")
    try:
        pack = packs.install(wheel)
    except EnvironmentFault:
        assert packs.installed() == ()
        assert names_in(folder) in (["a.whl"], ["a.whl", "packs"])
    else:
        assert packs.installed() == (pack,)


def test_what_is_no_file_is_refused(packs, tmp_path):
    assert refusal(packs, tmp_path) is FaultCode.PACK_DAMAGED
    assert refusal(packs, tmp_path / "nothing.whl") is FaultCode.FILE_UNREADABLE
    (tmp_path / "text.whl").write_text("no archive")
    assert refusal(packs, tmp_path / "text.whl") is FaultCode.PACK_DAMAGED


@pytest.mark.parametrize("name", ["", "..", "../packs", f"{FOLDER}/vocab", "none-1.0", NOTE])
def test_only_a_pack_is_removed(packs, tmp_path, name):
    packs.install(make_wheel(tmp_path / "a.whl"))
    with pytest.raises(EnvironmentFault) as fault:
        packs.remove(name)
    assert fault.value.code is FaultCode.NO_PACK
    assert len(packs.installed()) == 1


def test_what_a_crash_left_is_swept(packs, tmp_path):
    packs.install(make_wheel(tmp_path / "a.whl"))
    (packs._folder / ".incoming-x").mkdir()
    (packs._folder / ".removed-x" / FOLDER).mkdir(parents=True)
    packs.sweep()
    assert folder_of(packs) == [FOLDER]


def test_a_link_is_neither_listed_nor_followed(packs, tmp_path):
    packs.install(make_wheel(tmp_path / "a.whl"))
    (packs._folder / "yy_tiny-1.0.0").symlink_to(packs._folder / FOLDER)
    assert len(packs.installed()) == 1
    with pytest.raises(EnvironmentFault):
        packs.remove("yy_tiny-1.0.0")


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(JSON, st.sampled_from(["@misc", "@readers", "factory"]))
def test_a_foreign_name_is_found_at_any_depth(value, key):
    assert list(foreign_parts({"a": [{"b": {key: "evil"}}], "c": value}))


@pytest.mark.parametrize(
    ("version", "wanted", "good"),
    [
        ("3.8.18", ">=3.8.0,<3.9.0", True),
        ("3.9.0", ">=3.8.0,<3.9.0", False),
        ("3.8.0", ">=3.8.0.dev0", True),
        ("3.8.1", "~=3.8.0", True),
        ("3.9.0", "~=3.8.0", False),
        ("3.8.1", "==3.8.*", True),
        ("3.8.1", "!=3.8.*", False),
        ("3.8", "==3.8.0", True),
        ("3.8.1", "", True),
        ("3.8.1", "nonsense", False),
    ],
)
def test_conditions_on_versions(version, wanted, good):
    assert serves(version, wanted) is good
